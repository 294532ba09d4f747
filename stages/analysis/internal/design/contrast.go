package design

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/stages/answer"
)

// Contrast is a linear combination of cell means, less a constant.
type Contrast struct {
	Kind    string // gap, main, interaction or declared
	Name    string
	Weights map[int]float64 // by index of the cell
	Minus   float64         // the constant
	Missing []string        // cells without a mean that it needs
	Terms   []answer.Term   // what is compared: one level for a gap, two for an interaction
	At      map[string]string
	Over    map[string][]string // by factor of which levels are left out of the average, those that remain
	Simple  bool                // a gap at the baseline of all other factors
}

// Contrasts lists what a factorial estimates: gaps to the baseline level, main
// effects, and interactions of every order. everywhere takes gaps at every
// combination of the other factors. Of one factor that is compared, a main effect is its gap.
func (d *Design) Contrasts(everywhere bool) []Contrast {
	out := d.gaps(everywhere)
	if len(d.Compared()) > 1 {
		out = append(out, d.Averages()...)
	}
	return out
}

// Averages lists the main effects and interactions.
func (d *Design) Averages() []Contrast {
	return slices.Concat(d.mains(), d.interactions(), d.higherInteractions())
}

// gaps compares each level with its factor's baseline: at every level of the
// other factor in a design of two, at the baseline of the others in larger ones.
func (d *Design) gaps(everywhere bool) []Contrast {
	var out []Contrast
	for i, f := range d.Factors {
		for l := range f.Levels {
			if l == f.Baseline {
				continue
			}
			for _, others := range d.settings(i, everywhere) {
				c := Contrast{Kind: "gap", Name: d.gapName(i, l, others), Terms: []answer.Term{d.term(i, l)},
					At: d.setting(others, i), Simple: d.atBaseline(others, i)}
				d.addDifference(&c, i, l, others, 1)
				out = append(out, c)
			}
		}
	}
	return out
}

// term says which level of a factor is compared with which.
func (d *Design) term(i, l int) answer.Term {
	f := d.Factors[i]
	return answer.Term{Factor: f.Name, Level: f.Labels[l], Baseline: f.Labels[f.Baseline]}
}

// setting is the labels of the levels of all factors but one.
func (d *Design) setting(levels []int, compared int) map[string]string {
	out := make(map[string]string)
	for i, f := range d.Factors {
		if i != compared {
			out[f.Name] = f.Labels[levels[i]]
		}
	}
	return out
}

// atBaseline reports whether all factors but one are at their baseline.
func (d *Design) atBaseline(levels []int, compared int) bool {
	for i, f := range d.Factors {
		if i != compared && levels[i] != f.Baseline {
			return false
		}
	}
	return true
}

// settings lists the levels at which a factor's gaps are taken. The caller sets
// the factor's own level.
func (d *Design) settings(i int, everywhere bool) [][]int {
	if len(d.Compared()) < 3 || everywhere {
		out := d.Combinations(i)
		for _, s := range out {
			s[i] = d.Factors[i].Baseline
		}
		return out
	}
	return [][]int{d.baseline()}
}

// baseline is the baseline level of every factor.
func (d *Design) baseline() []int {
	out := make([]int, len(d.Factors))
	for j, f := range d.Factors {
		out[j] = f.Baseline
	}
	return out
}

func (d *Design) gapName(i, l int, others []int) string {
	name := d.term(i, l).Gap()
	var at []string
	for _, j := range d.Compared() {
		if j != i {
			at = append(at, d.Factors[j].Shown(others[j]))
		}
	}
	if len(at) > 0 {
		name += " at " + strings.Join(at, ", ")
	}
	return name
}

// addDifference adds weight × (level l of factor i − its baseline), with the
// other factors at the given levels.
func (d *Design) addDifference(c *Contrast, i, l int, others []int, weight float64) {
	levels := slices.Clone(others)
	levels[i] = l
	d.addCell(c, levels, weight)
	levels[i] = d.Factors[i].Baseline
	d.addCell(c, levels, -weight)
}

func (d *Design) addCell(c *Contrast, levels []int, weight float64) {
	cell := d.At(levels)
	switch {
	case cell < 0:
		c.Missing = append(c.Missing, d.CellName(levels))
		return
	case !d.Cells[cell].Complete():
		c.Missing = append(c.Missing, fmt.Sprintf("%s (%s)", d.CellName(levels), d.Cells[cell].Rate()))
		return
	}
	if c.Weights == nil {
		c.Weights = make(map[int]float64)
	}
	c.Weights[cell] += weight
}

// PartialGaps lists the gaps of some factors at each combination of the others among
// them, averaged over the rest.
func (d *Design) PartialGaps(set []int) []Contrast {
	var out []Contrast
	rest := d.Combinations(set...)
	for _, i := range set {
		outside := slices.DeleteFunc(d.every(), func(j int) bool { return j != i && slices.Contains(set, j) })
		for l, f := 0, d.Factors[i]; l < len(f.Levels); l++ {
			if l == f.Baseline {
				continue
			}
			for _, at := range d.Combinations(outside...) {
				c := Contrast{Kind: "affected", Name: d.term(i, l).Gap(), Terms: []answer.Term{d.term(i, l)}, At: make(map[string]string)}
				word := " at "
				for _, j := range set {
					if j != i {
						c.Name += word + d.Factors[j].Shown(at[j])
						c.At[d.Factors[j].Name], word = d.Factors[j].Labels[at[j]], ", "
					}
				}
				for _, others := range rest {
					levels := slices.Clone(others)
					for _, j := range set {
						levels[j] = at[j]
					}
					d.addDifference(&c, i, l, levels, 1/float64(len(rest)))
				}
				out = append(out, c)
			}
		}
	}
	return out
}

// every lists all factors.
func (d *Design) every() []int {
	out := make([]int, len(d.Factors))
	for i := range out {
		out[i] = i
	}
	return out
}

// mains averages each level's gap over all combinations of the other factors
// with equal weights.
func (d *Design) mains() []Contrast {
	var out []Contrast
	for i, f := range d.Factors {
		for l := range f.Levels {
			if l == f.Baseline {
				continue
			}
			c := Contrast{Kind: "main", Name: d.term(i, l).Gap(), Terms: []answer.Term{d.term(i, l)}}
			all := d.Combinations(i)
			for _, others := range all {
				d.addDifference(&c, i, l, others, 1/float64(len(all)))
			}
			out = append(out, c)
		}
	}
	return out
}

// interactions compares gaps: the gap of a level of one factor at a level of
// another, minus the gap at the other's baseline, averaged over the rest. The
// gap is that of the factor with more levels, or of the first.
func (d *Design) interactions() []Contrast {
	var out []Contrast
	for i := range d.Factors {
		for j := i + 1; j < len(d.Factors); j++ {
			a, b := i, j
			if len(d.Factors[b].Levels) > len(d.Factors[a].Levels) {
				a, b = b, a
			}
			out = append(out, d.interactionsOf(a, b)...)
		}
	}
	return out
}

func (d *Design) interactionsOf(a, b int) []Contrast {
	var out []Contrast
	fa, fb := d.Factors[a], d.Factors[b]
	for la := range fa.Levels {
		for lb := range fb.Levels {
			if la == fa.Baseline || lb == fb.Baseline {
				continue
			}
			c := Contrast{Kind: "interaction", Name: fmt.Sprintf("%s: gap to %s under %s minus gap under %s",
				fa.Shown(la), fa.Shown(fa.Baseline), fb.Shown(lb), fb.Shown(fb.Baseline)),
				Terms: []answer.Term{d.term(a, la), d.term(b, lb)}}
			rest := d.Combinations(a, b)
			for _, others := range rest {
				w := 1 / float64(len(rest))
				others[b] = lb
				d.addDifference(&c, a, la, others, w)
				others[b] = fb.Baseline
				d.addDifference(&c, a, la, others, -w)
			}
			out = append(out, c)
		}
	}
	return out
}

// higherInteractions lists the interactions of three factors or more: products of
// gaps, averaged over the rest.
func (d *Design) higherInteractions() []Contrast {
	var out []Contrast
	compared := d.Compared()
	for size := 3; size <= len(compared); size++ {
		for mask := range 1 << len(compared) {
			if bits.OnesCount(uint(mask)) == size {
				var factors []int
				for k, i := range compared {
					if mask>>k&1 == 1 {
						factors = append(factors, i)
					}
				}
				out = append(out, d.interactionsAmong(factors)...)
			}
		}
	}
	return out
}

// interactionsAmong lists the interactions of some factors.
func (d *Design) interactionsAmong(factors []int) []Contrast {
	rest := slices.DeleteFunc(d.every(), func(i int) bool { return slices.Contains(factors, i) })
	var out []Contrast
	for _, levels := range d.Combinations(rest...) {
		c := Contrast{Kind: "interaction"}
		var names []string
		for _, i := range factors {
			if levels[i] == d.Factors[i].Baseline {
				break
			}
			names = append(names, "("+d.term(i, levels[i]).Gap()+")")
			c.Terms = append(c.Terms, d.term(i, levels[i]))
		}
		if len(names) < len(factors) {
			continue
		}
		c.Name = strings.Join(names, " × ")
		d.addProduct(&c, factors, levels)
		out = append(out, c)
	}
	return out
}

// addProduct adds the product of the gaps of some factors at the given levels,
// averaged over the other factors.
func (d *Design) addProduct(c *Contrast, factors, levels []int) {
	all := d.Combinations(factors...)
	for _, cell := range all {
		for corner := range 1 << len(factors) {
			w := 1 / float64(len(all))
			at := slices.Clone(cell)
			for k, i := range factors {
				at[i] = levels[i]
				if corner>>k&1 == 1 {
					at[i], w = d.Factors[i].Baseline, -w
				}
			}
			d.addCell(c, at, w)
		}
	}
}

// Absolute reports whether the weights do not add up to 0, as those of a mean that is
// compared with a constant. What all trials of a replicate share then does not cancel.
// Weights can be of any size: those of a slope are in units of its factor.
func (c Contrast) Absolute() bool {
	sum, size := 0.0, 0.0
	for _, w := range c.Weights {
		sum += w
		size += math.Abs(w)
	}
	return math.Abs(sum) > 1e-9*size
}

// Side is a group of cells in a declared contrast, with its sign.
type Side struct {
	Levels map[string]addr.Level // by factor; the contrast averages over the others
	Sign   float64
}

// Declared builds a contrast that the study declares. All its levels exist.
func (d *Design) Declared(name string, sides []Side) Contrast {
	out := Contrast{Kind: "declared", Name: name}
	for _, s := range sides {
		cells := [][]int{make([]int, len(d.Factors))}
		for i, f := range d.Factors {
			var levels []int
			if l, fixed := s.Levels[f.Name]; fixed {
				levels = Match(f.Levels, l)[:1]
			} else {
				for j := range f.Levels {
					levels = append(levels, j)
				}
			}
			var next [][]int
			for _, cell := range cells {
				for _, l := range levels {
					x := slices.Clone(cell)
					x[i] = l
					next = append(next, x)
				}
			}
			cells = next
		}
		for _, cell := range cells {
			d.addCell(&out, cell, s.Sign/float64(len(cells)))
		}
	}
	for i, w := range out.Weights { // a cell that stands on both sides
		if w == 0 {
			delete(out.Weights, i)
		}
	}
	return out
}
