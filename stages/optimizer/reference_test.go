package optimizer

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// trajectory is a run of testdata/reference.py: an implementation in float64
// that has nothing in common with this package.
type trajectory struct {
	Name, Rule        string
	Spec              json.RawMessage // fields that differ from the defaults
	Shape             []int
	Parts             int
	Start, Factors    []float32
	Gradients, Values [][]float32
	State             map[string][]float32
}

// referenceTolerance is what float32 may lose in some hundred operations, as a
// share of the largest element.
const referenceTolerance = 2e-5

// older are the optimizers whose values other tests know: TestElementwiseRules, TestRandomRules, and
// TestPyTorchParity of stages/train. A new one has trajectories in reference.json.
var older = []string{"adamw", "muon", "lion", "signum", "sgd", "formula"}

func TestReference(t *testing.T) {
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []trajectory
	if err := json.Unmarshal(raw, &runs); err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		if !slices.Contains(older, k.Type) && !slices.ContainsFunc(runs, func(r trajectory) bool { return r.Rule == k.Type }) {
			t.Errorf("reference.json has no trajectory of optimizer %q", k.Type)
		}
	}
	for _, r := range runs {
		t.Run(r.Rule+"/"+r.Name, r.check)
	}
}

func (r trajectory) check(t *testing.T) {
	o := fresh(t, r.Rule)
	if err := json.Unmarshal(r.Spec, o); err != nil {
		t.Fatal(err)
	}
	p := matrixParam(r.Shape[0], r.Shape[1], r.Parts)
	update, value := compiled(t, one(o, p)), r.Start
	states := make([][]float32, len(o.State(p)))
	for i, s := range States(o, p) {
		states[i] = make([]float32, s.Size())
	}
	for step, gradient := range r.Gradients {
		args := append([][]float32{{float32(step)}, {r.Factors[step]}, value, gradient}, states...)
		out := update(args...)
		value, states = out[0], out[1:]
		near(t, "value", step, value, r.Values[step])
	}
	if len(r.State) != len(states) {
		t.Errorf("%d states, want %d", len(states), len(r.State))
	}
	for i, name := range o.State(p) {
		near(t, name, len(r.Gradients)-1, states[i], r.State[name])
	}
}

// fresh is a rule with its defaults, by the type that studies name.
func fresh(t *testing.T, rule string) Optimizer {
	t.Helper()
	for _, k := range Kinds() {
		if k.Type == rule {
			return k.New().(Optimizer)
		}
	}
	t.Fatalf("no optimizer %q", rule)
	return nil
}

func near(t *testing.T, what string, step int, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s after step %d has %d elements, want %d", what, step, len(got), len(want))
	}
	most := 0.0
	for _, v := range want {
		most = math.Max(most, math.Abs(float64(v)))
	}
	for i := range want {
		if apart := math.Abs(float64(got[i] - want[i])); !(apart <= referenceTolerance*most) {
			t.Fatalf("%s after step %d, element %d = %v, want %v", what, step, i, got[i], want[i])
		}
	}
}
