package analysis

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/internal/behaviour"
)

// ofDoses has the responses of seeds at doses; NaN stands for no trial.
func ofDoses(x []float64, responses ...[]float64) *design.Table {
	table := design.NewTable([]string{"a", "seed"}, "seed")
	for s, of := range responses {
		for i, y := range of {
			if !math.IsNaN(y) {
				add(table, y, strconv.FormatFloat(x[i], 'g', -1, 64), strconv.Itoa(s))
			}
		}
	}
	return table
}

// dosesOf is the answer of an analysis "dose" about a table.
func dosesOf(t *testing.T, table *design.Table) *doses {
	t.Helper()
	d := design.New(table, "seed")
	r := &doses{stage: &Dose{Confidence: 0.95}, design: d, model: estimate.NewModel(d, estimate.OwnError, 0.95), base: -1}
	r.Confidence = 0.95
	if list := r.read(); len(list) > 0 {
		t.Fatal(list.Err())
	}
	r.gaps()
	r.slope()
	return r
}

// The unit of the doses changes the unit of the slope, and neither t nor the method.
func TestSlopeInAnyUnit(t *testing.T) {
	responses := [][]float64{{-0.1512, -0.1121, 0.1166, 0.561}, {0.1709, 0.3369, 0.6679, 1.1927}, {0.2406, 0.2968, 0.4326, 0.5182}}
	in := func(unit, offset float64) []float64 {
		return []float64{offset + unit, offset + 2*unit, offset + 4*unit, offset + 8*unit}
	}
	want := dosesOf(t, ofDoses(in(1, 0), responses...)).Contrasts[0]
	for _, x := range [][]float64{in(1e-8, 0), in(1e12, 0), in(1./1024, 1<<20)} {
		got := dosesOf(t, ofDoses(x, responses...)).Contrasts[0]
		if got.Method != estimate.PairedT || math.Abs(*got.T-*want.T) > 1e-6**want.T {
			t.Errorf("doses %v: %s with t = %v, want %s with %v", x, got.Method, *got.T, want.Method, *want.T)
		}
	}
}

// Seeds that ran only some doses tell a slope by their own trials: what they share would
// be taken for one. One seed, or seeds of one dose each, have a line through all trials.
func TestSlopeOfSomeDoses(t *testing.T) {
	nan := math.NaN()
	x := []float64{1, 2, 4, 8}
	for name, tt := range map[string]struct {
		responses [][]float64
		method    string
		slope     float64
		warns     bool
	}{
		"other doses":    {[][]float64{{1, 2, nan, nan}, {nan, nan, 12, 16}, {nan, 3, 7, nan}}, estimate.WithinT, (1 + 1 + 2) / 3., true},
		"one dose each":  {[][]float64{{1, nan, nan, nan}, {nan, 2, nan, nan}, {nan, nan, 4.5, nan}, {nan, nan, nan, 8}}, estimate.LeastSquares, 1.004, false},
		"one seed":       {[][]float64{{1, 2, 4.5, 8}}, estimate.LeastSquares, 1.004, false},
		"one of several": {[][]float64{{1, 2, 4.5, 8}, {9, nan, nan, nan}}, estimate.LeastSquares, 1.004, true},
		"two doses":      {[][]float64{{1, 2, nan, nan}, {nan, nan, 4.5, nan}}, estimate.None, 1, true},
		"two seeds each": {[][]float64{{1, nan, nan, nan}, {nan, 2, nan, nan}, {nan, nan, 4.5, nan}, {nan, nan, nan, 8}, {1.1, nan, nan, nan}, {nan, 2, nan, nan}, {nan, nan, 4.5, nan}, {nan, nan, nan, 8}}, estimate.WelchT, 1, false},
	} {
		r := dosesOf(t, ofDoses(x, tt.responses...))
		c := r.Contrasts[len(r.Contrasts)-1]
		if c.Method != tt.method || math.Abs(*c.Estimate-tt.slope) > 1e-3 || len(r.texts) > 0 != tt.warns && name != "one dose each" && name != "one seed" {
			t.Errorf("%s: %s %v, warnings %q; want %s %v", name, c.Method, *c.Estimate, r.texts, tt.method, tt.slope)
		}
	}
}

// Seeds of which each ran half of the doses claim a slope in at most 5 of 100 studies
// without one.
func TestRatesOfSlopesOfSomeDoses(t *testing.T) {
	many, tolerance := studies(20000)
	r := rand.New(rand.NewPCG(43, 1))
	wrong := 0
	for range many {
		table := design.NewTable([]string{"a", "seed"}, "seed")
		for seed := range 4 {
			shared := r.NormFloat64()
			for x := range 4 {
				add(table, shared+0.2*r.NormFloat64(), strconv.Itoa(4*(seed/2)+x), strconv.Itoa(seed))
			}
		}
		of := dosesOf(t, table)
		if misses(*of.SlopeLow, *of.SlopeHigh, 0) {
			wrong++
		}
	}
	t.Logf("a slope in %s of %d studies", rate(wrong, many), many)
	if got := float64(wrong) / float64(many); got > 0.05+tolerance {
		t.Errorf("a false slope in %.4f of studies, want at most 0.05", got)
	}
}

// A slope of independent trials keeps its rate where the noise grows with the dose.
func TestRatesOfIndependentSlopes(t *testing.T) {
	many, tolerance := studies(20000)
	for _, sizes := range [][]int{{3, 3, 3, 3, 3}, {10, 10, 10, 10, 3}} {
		r := rand.New(rand.NewPCG(53, 1))
		wrong := 0
		for range many {
			table := design.NewTable([]string{"a", "seed"}, "seed")
			table.Unpaired = true
			for x, n := range sizes {
				sd := []float64{1, 1, 1, 1, 4}[x]
				for range n {
					add(table, sd*r.NormFloat64(), strconv.Itoa(x), strconv.Itoa(len(table.Trials)))
				}
			}
			if of := dosesOf(t, table); misses(*of.SlopeLow, *of.SlopeHigh, 0) {
				wrong++
			}
		}
		t.Logf("%v trials: a slope in %s of %d studies", sizes, rate(wrong, many), many)
		if got := float64(wrong) / float64(many); got > 0.05+tolerance {
			t.Errorf("%v trials: a false slope in %.4f of studies, want at most 0.05", sizes, got)
		}
	}
}

// Two texts of one number are not two doses.
func TestSameDoseTwice(t *testing.T) {
	table := ofDoses([]float64{1, 2}, []float64{3, 4}, []float64{4, 5})
	add(table, 5, "1.0", "0")
	r := &doses{stage: &Dose{}, design: design.New(table, "seed"), base: -1}
	if err := r.read().Err(); err == nil || !strings.Contains(err.Error(), "The levels 1 and 1.0 of a are the same number") {
		t.Errorf("got %v", err)
	}
}

// The numbers of trials are those that a slope rests on.
func TestTrialsOfASlope(t *testing.T) {
	nan := math.NaN()
	for name, tt := range map[string]struct {
		responses [][]float64
		want      map[string]int
	}{
		"complete seeds":  {[][]float64{{1, 2, 4}, {2, 3, 5.5}, {3, 4, nan}}, map[string]int{"a=1": 2, "a=2": 2, "a=4": 2}},
		"seeds of a part": {[][]float64{{1, 2, nan}, {2, nan, 5.5}, {nan, nan, 7}}, map[string]int{"a=1": 2, "a=2": 1, "a=4": 1}},
		"one dose each":   {[][]float64{{1, nan, nan}, {nan, 3, nan}, {nan, nan, 7}}, map[string]int{"a=1": 1, "a=2": 1, "a=4": 1}},
	} {
		if got := dosesOf(t, ofDoses([]float64{1, 2, 4}, tt.responses...)).Contrasts[0].N; !maps.Equal(got, tt.want) {
			t.Errorf("%s: the slope rests on %v, want %v", name, got, tt.want)
		}
	}
}

// Trials that are not used, since another dose or level lacks their replicate, are not left
// out silently.
func TestReplicatesThatAreNotUsed(t *testing.T) {
	lab := behaviour.NewLab(nil)
	for _, table := range []string{"uneven", "paired"} {
		in := canonicalTables[table].inputs(lab)
		where := map[string]addr.Level{"optimizer": word("adamw")}
		for name, run := range map[string]func(context.Context, *pipeline.Env) error{
			"dose":       (&Dose{Response: "val_loss", At: finalStep, Factor: "norm", Where: where, Baseline: number("0.5"), Replicate: "seed", Confidence: 0.9}).Run,
			"trajectory": (&Trajectory{Response: "val_loss", Factor: "norm", Baseline: number("0.5"), Where: where, Replicate: "seed", Confidence: 0.9}).Run,
		} {
			done, err := lab.Run(in, run)
			if text := string(done.Outputs["table"]); err != nil || strings.Contains(text, incompleteReplicates) != (table == "uneven") {
				t.Errorf("%s of %s: %v\n%s", name, table, err, text)
			}
		}
	}
}

// What is said of incomplete replicates is true of the gaps and of the slope.
func TestSayWhichReplicatesADoseUses(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		responses [][]float64
		base      int
		want      []string
	}{
		{[][]float64{{1, 2, nan}, {2, 3.5, nan}, {3, nan, 5}, {1.5, nan, 5.1}}, 0, []string{"No two replicates have all doses. The slope is the mean of the slopes of the 4 that have several.", incompleteReplicates + " Each gap uses those that its dose and the baseline have."}},
		{[][]float64{{1, 2, 4}, {2, 3.5, 5}, {3, nan, 5}}, 0, []string{incompleteReplicates + " Each gap uses those that its dose and the baseline have, and the slope those that all its doses have."}},
		{[][]float64{{1, 2, 4}, {2, 3.5, 5}, {3, nan, 5}}, -1, []string{incompleteReplicates + " The slope uses those that all its doses have."}},
	} {
		r := dosesOf(t, ofDoses([]float64{1, 2, 4}, tt.responses...))
		r.base, r.Contrasts, r.texts = tt.base, nil, nil
		r.gaps()
		r.slope()
		r.sayUnused()
		if !slices.Equal(r.texts, tt.want) {
			t.Errorf("%v: got %q, want %q", tt.responses, r.texts, tt.want)
		}
	}
}

// Two stages can have the same trials. That only the first ones are used is said.
func TestDoubledTrials(t *testing.T) {
	lab := behaviour.NewLab(nil)
	in := canonicalTables["paired"].inputs(lab)
	in.Refs["trials"] = append(in.Refs["trials"], in.Refs["trials"]...)
	where := map[string]addr.Level{"optimizer": word("adamw")}
	for name, run := range map[string]func(context.Context, *pipeline.Env) error{
		"dose":       (&Dose{Response: "val_loss", At: finalStep, Factor: "norm", Where: where, Replicate: "seed", Confidence: 0.9}).Run,
		"recovery":   (&Recovery{Response: "val_loss", At: finalStep, Factor: "norm", Lost: number("2"), Baseline: number("0.5"), Where: where, Replicate: "seed", Confidence: 0.9}).Run,
		"trajectory": (&Trajectory{Response: "val_loss", Factor: "norm", Baseline: number("0.5"), Where: where, Replicate: "seed", Confidence: 0.9}).Run,
		"factorial":  factorialStage().Run,
	} {
		done, err := lab.Run(in, run)
		if text := strings.Join(strings.Fields(string(done.Outputs["table"])), " "); err != nil || !strings.Contains(text, "Only the first trial is used.") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
