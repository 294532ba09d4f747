package analysis

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// The tests named TestRates simulate studies whose truth is known, and count how often
// an interval misses it or a sentence is wrong. Seeds are fixed.
//
//	go test ./stages/analysis -run TestRates -simulate -v -timeout 1h
//
// prints the tables of docs/statistics.md.
var simulate = flag.Bool("simulate", false, "simulate as many studies as docs/statistics.md")

// studies is how many studies a test simulates, and how far the rate of a right
// interval may be from its nominal rate: four standard errors of a rate of 0.05.
func studies(many int) (n int, tolerance float64) {
	n = many / 40
	if *simulate {
		n = many
	}
	return n, 4 * math.Sqrt(0.05*0.95/float64(n))
}

// noise describes how the trials of a simulated study vary.
type noise struct {
	shared float64 // s.d. of what all trials of a replicate share
	first  float64 // s.d. of the first cell; 1 in the others
}

func (n noise) String() string {
	var words []string
	if n.shared == 0 {
		words = append(words, "seeds share nothing")
	}
	if n.first != 1 {
		words = append(words, fmt.Sprintf("one cell %v times as noisy", n.first))
	}
	if words == nil {
		return "equal noise"
	}
	return strings.Join(words, ", ")
}

// study simulates levels × levels cells and n replicates. mean gives the mean of a cell.
func study(r *rand.Rand, levels, n int, of noise, mean func(a, b int) float64) *design.Table {
	table := design.NewTable([]string{"a", "b", "r"}, "r")
	for rep := range n {
		shared := of.shared * r.NormFloat64()
		for a := range levels {
			for b := range levels {
				e := r.NormFloat64()
				if a+b == 0 {
					e *= of.first
				}
				add(table, mean(a, b)+shared+e, fmt.Sprint("a", a), fmt.Sprint("b", b), fmt.Sprint(rep))
			}
		}
	}
	return table
}

func nothing(int, int) float64 { return 0 }

// misses reports whether an interval leaves out a value.
func misses(low, high, value float64) bool { return !(low <= value && value <= high) }

// rate formats a share of studies.
func rate(count, of int) string { return fmt.Sprintf("%.3f", float64(count)/float64(of)) }

// The paired interval contains the truth in 95 of 100 studies, whatever the noise of
// the cells and what seeds share. The bootstrap-t is refused below five replicates.
func TestRatesOfIntervals(t *testing.T) {
	many, tolerance := studies(20000)
	resamples := 200
	if *simulate {
		resamples = 1000
	}
	boots := estimate.Bootstrap{Resamples: resamples, Whole: true}
	t.Log("| replicates | noise | paired t | pooled | Welch, ignoring pairs | bootstrap-t |")
	for _, n := range []int{3, 5, 6, 10} {
		for _, of := range []noise{{1, 1}, {1, 4}, {0, 1}} {
			r := rand.New(rand.NewPCG(7, uint64(n)))
			var paired, pooled, welch, boot, booted int
			for i := range many {
				d := design.New(study(r, 2, n, of, nothing), "r")
				own, one := estimate.NewModel(d, estimate.OwnError, 0.95), estimate.NewModel(d, estimate.PooledError, 0.95)
				c := d.Contrasts(false)[6] // the interaction
				for _, x := range []struct {
					e     estimate.Estimate
					count *int
				}{{own.Contrast(c), &paired}, {one.Contrast(c), &pooled}, {own.Welch(c), &welch}} {
					if misses(x.e.Low, x.e.High, 0) {
						*x.count++
					}
				}
				if i%5 == 0 { // slower than the others
					if low, high, ok := boots.Interval(d, c, 0.95); ok {
						booted++
						if misses(low, high, 0) {
							boot++
						}
					}
				}
			}
			shown := "refused"
			if booted > 0 {
				shown = rate(booted-boot, booted)
			}
			t.Logf("| %d | %v | %s | %s | %s | %s |", n, of, rate(many-paired, many), rate(many-pooled, many), rate(many-welch, many), shown)
			if got := float64(paired) / float64(many); math.Abs(got-0.05) > tolerance {
				t.Errorf("n = %d, %v: the paired interval misses in %.4f of studies, want 0.05 ± %.4f", n, of, got, tolerance)
			}
			if (booted == 0) != (n < estimate.FewestResampled) {
				t.Errorf("n = %d: %d bootstrap intervals", n, booted)
			}
		}
	}
}

// claims are the kinds of contrasts whose adjusted interval excludes 0, and "page" for
// any.
func claims(r answer.Result) map[string]bool {
	out := make(map[string]bool)
	for _, c := range r.Contrasts {
		if c.Kind != "equivalence" && c.LowAdjusted != nil && misses(*c.LowAdjusted, *c.HighAdjusted, 0) {
			out[c.Kind], out["page"] = true, true
		}
	}
	return out
}

// In studies without effects each family claims one in at most 5 of 100, whatever the
// noise of the cells. error = "pooled" keeps to that only if all are equally noisy.
func TestRatesOfClaims(t *testing.T) {
	t.Log("| design | replicates | error | noise | gaps | main effects | interactions | page |")
	for _, levels := range []int{2, 4} {
		many, tolerance := studies(40000 / levels / levels)
		for _, n := range []int{3, 5, 10} {
			for _, model := range []string{"contrast", "pooled"} {
				for _, of := range []noise{{1, 1}, {1, 4}} {
					r := rand.New(rand.NewPCG(11, uint64(100*levels+n)))
					f := newFactorial()
					f.Response, f.Error = "y", model
					count := make(map[string]int)
					for range many {
						for kind := range claims(f.analyse(study(r, levels, n, of, nothing), "r")) {
							count[kind]++
						}
					}
					t.Logf("| %d × %d | %d | %s | %v | %s | %s | %s | %s |", levels, levels, n, model, of,
						rate(count["gap"], many), rate(count["main"], many), rate(count["interaction"], many), rate(count["page"], many))
					for _, kind := range families {
						if got := float64(count[kind]) / float64(many); got > 0.05+tolerance && (model == "contrast" || of.first == 1) {
							t.Errorf("%s: a false claim in %.4f of studies, want at most 0.05", kind, got)
						}
					}
				}
			}
		}
	}
}

// A verdict of equivalence is wrong in at most 5 of 100 studies whose true differences
// are as large as the margin, the worst case.
func TestRatesOfVerdicts(t *testing.T) {
	many, tolerance := studies(10000)
	t.Log("| replicates | direction | wrongly within the margin | wrongly beyond it |")
	for _, n := range []int{3, 5, 10} {
		for _, direction := range []string{equivalent, notWorse} {
			r := rand.New(rand.NewPCG(13, uint64(n)))
			f := newFactorial()
			margin := 3.
			f.Response, f.Margin, f.Direction = "y", &margin, direction
			wrong, beyond := 0, 0
			for range many {
				table := design.NewTable([]string{"a", "r"}, "r")
				for rep := range n {
					for a := range 3 {
						add(table, margin*float64(min(a, 1))+r.NormFloat64(), fmt.Sprint("a", a), fmt.Sprint(rep))
					}
				}
				within, outside := false, false
				for _, c := range f.analyse(table, "r").Contrasts {
					within = within || strings.HasPrefix(c.Verdict, direction)
					outside = outside || c.Verdict == f.refuted()
				}
				if within {
					wrong++
				}
				if outside {
					beyond++
				}
			}
			t.Logf("| %d | %s | %s | %s |", n, direction, rate(wrong, many), rate(beyond, many))
			for _, count := range []int{wrong, beyond} {
				if got := float64(count) / float64(many); got > 0.05+tolerance {
					t.Errorf("n = %d, %s: a wrong verdict in %.4f of studies, want at most 0.05", n, direction, got)
				}
			}
		}
	}
}

// tunedStudy simulates two norms at three rates. The first norm is best at the middle
// rate by step, the second at the last; step = 0 means that rates do not matter.
func tunedStudy(r *rand.Rand, n int, step float64) *design.Table {
	table := design.NewTable([]string{"norm", "rate", "r"}, "r")
	for rep := range n {
		shared := r.NormFloat64()
		for norm := range 2 {
			for rate := range 3 {
				y := shared + step*math.Abs(float64(rate-1-norm)) + r.NormFloat64()
				add(table, y, fmt.Sprint("n", norm), fmt.Sprint(rate), fmt.Sprint(rep))
			}
		}
	}
	return table
}

// The gap of tuned norms is that at the settings which the other replicates choose: 0
// in these studies on average, since both norms have the same losses. Its interval
// contains it about as often as it says.
func TestRatesOfTuning(t *testing.T) {
	many, tolerance := studies(4000)
	t.Log("| replicates | difference between rates, in s.d. | mean gap | coverage |")
	for _, n := range []int{3, 5, 10} {
		for _, step := range []float64{0, 0.5, 1, 3} {
			r := rand.New(rand.NewPCG(17, uint64(n)))
			f := newFactorial()
			f.Response, f.Tune = "y", []string{"rate"}
			var gaps, truths []float64
			missed := 0
			for range many {
				c := f.analyse(tunedStudy(r, n, step), "r").Contrasts[0]
				gaps = append(gaps, *c.Estimate)
				truths = append(truths, *c.Low, *c.High)
			}
			truth := 0.0
			for _, g := range gaps {
				truth += g / float64(many)
			}
			for i := range gaps {
				if misses(truths[2*i], truths[2*i+1], truth) {
					missed++
				}
			}
			t.Logf("| %d | %v | %.3f | %s |", n, step, truth, rate(many-missed, many))
			if got := float64(missed) / float64(many); got > 0.07+tolerance {
				t.Errorf("n = %d, step %v: the interval misses in %.4f of studies, want at most 0.07", n, step, got)
			}
		}
	}
}

// Cells that try many settings which do not differ claim a gap in at most 5 of 100 studies, though
// one of the settings won by chance.
func TestRatesOfEqualSettings(t *testing.T) {
	many, tolerance := studies(4000)
	t.Log("| settings | replicates | noise | claimed |")
	for _, settings := range []int{2, 8} {
		for _, n := range []int{3, 5, 10, 20} {
			for _, of := range []noise{{1, 1}, {1, 10}} {
				r := rand.New(rand.NewPCG(59, uint64(n)))
				f := newFactorial()
				f.Response, f.Tune = "y", []string{"rate"}
				claimed := 0
				for range many {
					if claims(f.analyse(equalSettings(r, settings, n, of), "r"))["gap"] {
						claimed++
					}
				}
				t.Logf("| %d | %d | %v | %s |", settings, n, of, rate(claimed, many))
				if got := float64(claimed) / float64(many); got > 0.05+tolerance {
					t.Errorf("%d settings, n = %d, %v: a gap is claimed in %.4f of studies, want at most 0.05", settings, n, of, got)
				}
			}
		}
	}
}

// equalSettings simulates two norms whose means are 0 at each of some settings. If the first is
// noisier, the second has one good setting.
func equalSettings(r *rand.Rand, settings, n int, of noise) *design.Table {
	table := design.NewTable([]string{"norm", "rate", "r"}, "r")
	for rep := range n {
		shared := of.shared * r.NormFloat64()
		for s := range settings {
			add(table, shared+of.first*r.NormFloat64(), "n0", fmt.Sprint(s), fmt.Sprint(rep))
			other := shared + r.NormFloat64()
			if of.first != 1 && s > 0 {
				other += 1000
			}
			add(table, other, "n1", fmt.Sprint(s), fmt.Sprint(rep))
		}
	}
	return table
}

// One factor of five doses: the slope, the gaps to a baseline, and a recovered share.
func TestRatesOfSlopesAndShares(t *testing.T) {
	many, tolerance := studies(20000)
	t.Log("| replicates | slope | gap to the baseline level | share recovered |")
	for _, n := range []int{3, 5, 10} {
		r := rand.New(rand.NewPCG(19, uint64(n)))
		var slope, gap, share, unbounded int
		for range many {
			table := design.NewTable([]string{"x", "r"}, "r")
			for rep := range n {
				shared := r.NormFloat64()
				for x := range 5 {
					add(table, shared+4*float64(x)+r.NormFloat64()*(1+float64(x)/4), fmt.Sprint(x), fmt.Sprint(rep))
				}
			}
			d := design.New(table, "r")
			m := estimate.NewModel(d, estimate.OwnError, 0.95)
			line, _ := estimate.Slope([]int{0, 1, 2, 3, 4}, []float64{0, 1, 2, 3, 4})
			if e := m.Contrast(line); misses(e.Low, e.High, 4) {
				slope++
			}
			if e := m.Contrast(design.Contrast{Weights: map[int]float64{4: 1, 0: -1}}); misses(e.Low, e.High, 16) {
				gap++
			}
			switch s := estimate.Fieller(d.Cells[4], d.Cells[2], d.Cells[0], 0.95); {
			case s.Why == estimate.RatioUnbounded:
				unbounded++ // all values are in the interval, or all but some
			case misses(s.Low, s.High, 0.5):
				share++
			}
		}
		t.Logf("| %d | %s | %s | %s (%s without bounds) |", n, rate(many-slope, many), rate(many-gap, many), rate(many-share, many), rate(unbounded, many))
		for what, count := range map[string]int{"slope": slope, "gap": gap, "share": share} {
			if got := float64(count) / float64(many); got > 0.05+tolerance {
				t.Errorf("n = %d: the interval of the %s misses in %.4f of studies, want 0.05", n, what, got)
			}
		}
	}
}

// The band of a trajectory holds at all steps at once, for a gap to a noisy level as for
// one between quiet levels.
func TestRatesOfBands(t *testing.T) {
	many, tolerance := studies(4000)
	t.Log("| replicates | steps | noise | gap between quiet levels | gap to the first level |")
	const steps = 20
	for _, n := range []int{3, 5, 10} {
		for _, of := range []noise{{1, 1}, {1, 4}} {
			r := rand.New(rand.NewPCG(23, uint64(n)))
			var missed [2]int
			for range many {
				for i, miss := range bandMisses(r, n, steps, of) {
					if miss {
						missed[i]++
					}
				}
			}
			t.Logf("| %d | %d | %v | %s | %s |", n, steps, of, rate(many-missed[0], many), rate(many-missed[1], many))
			for _, m := range missed {
				if got := float64(m) / float64(many); got > 0.05+tolerance {
					t.Errorf("n = %d, %v: the band misses in %.4f of studies, want at most 0.05", n, of, got)
				}
			}
		}
	}
}

// bandMisses simulates a trajectory of four levels without a gap, whose noise at a
// step is mostly that of the step before, and tells which of two bands misses 0.
func bandMisses(r *rand.Rand, n, steps int, of noise) (missed [2]bool) {
	last := make([]float64, 4*n)
	for range steps {
		table := design.NewTable([]string{"a", "r"}, "r")
		for rep := range n {
			shared := of.shared * r.NormFloat64()
			for a := range 4 {
				e := r.NormFloat64()
				if a == 0 {
					e *= of.first
				}
				last[4*rep+a] = 0.9*last[4*rep+a] + e
				add(table, shared+last[4*rep+a], fmt.Sprint("a", a), fmt.Sprint(rep))
			}
		}
		band := estimate.NewStep(design.New(table, "r"), 0.95, steps)
		for i, pair := range [][2]int{{1, 2}, {0, 2}} {
			e := band.Gap(pair[0], pair[1])
			missed[i] = missed[i] || misses(e.Low, e.High, 0)
		}
	}
	return missed
}
