package norm

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// values are those of testdata/reference.py: an implementation in float64 that has
// nothing in common with this package.
type values struct {
	Name, Norm string
	Spec       json.RawMessage // fields that differ from the defaults
	Width      int
	X, Y       []float32
	XGradient  []float32 `json:"x_gradient"`
	Params     map[string][]float32
	Gradients  map[string][]float32
	Refreshed  map[string][]float32 // buffers after a step
}

// older are the norms whose values other tests know: TestValues, TestPyTorchParity of stages/train, and the
// tests of formulas. A new norm has values in reference.json.
var older = []string{"rmsnorm", "layernorm", "derf", "dyt", "hardtanh", "none", "formula"}

func TestEveryNormIsTested(t *testing.T) {
	referenced := references(t)
	for _, k := range Kinds() {
		if !slices.Contains(older, k.Type) && !slices.ContainsFunc(referenced, func(v values) bool { return v.Norm == k.Type }) {
			t.Errorf("testdata/reference.json has no case of norm %q", k.Type)
		}
		tabled := false
		for _, n := range all() {
			tabled = tabled || reflect.TypeOf(n) == reflect.TypeOf(k.New())
		}
		if !tabled && k.Type != "formula" {
			t.Errorf("all() has no norm %q", k.Type)
		}
	}
}

func TestReference(t *testing.T) {
	for _, v := range references(t) {
		t.Run(v.Norm+"/"+v.Name, v.check)
	}
}

func references(t *testing.T) (all []values) {
	t.Helper()
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (v values) check(t *testing.T) {
	n := fresh(t, v.Norm)
	if err := json.Unmarshal(v.Spec, n); err != nil {
		t.Fatal(err)
	}
	rows := len(v.X) / v.Width
	in, want := [][]float32{v.X}, [][]float32{v.XGradient}
	params := n.Params("n", FFN, v.Width)
	for _, p := range params {
		name := strings.TrimPrefix(p.Path, "n.")
		in, want = append(in, v.Params[name]), append(want, v.Gradients[name])
	}
	if len(params) != len(v.Params) {
		t.Errorf("%d parameters, want %d", len(params), len(v.Params))
	}
	near(t, "y", execute(t, program(n, rows, v.Width, false), in)[1], v.Y)
	for i, got := range execute(t, program(n, rows, v.Width, true), in) {
		if i > 0 && params[i-1].Role == ml.RoleBuffer {
			continue // training takes no gradient of it
		}
		near(t, "the gradient of input "+program(n, rows, v.Width, true).Inputs[i].Name, got, want[i])
	}
	for name, want := range v.Refreshed {
		near(t, name, execute(t, refresh(n, "n."+name, v.Width), in)[0], want)
	}
}

// refresh is one step's refresh of a buffer, after two micro-batches of one row each.
func refresh(n Norm, path string, width int) ml.Program {
	p := program(n, 2, width, false)
	p.Build = func(in []*graph.Node) []*graph.Node {
		seen := []*graph.Node{graph.SliceAxis(in[0], 0, graph.AxisRange(0, 1)), graph.SliceAxis(in[0], 0, graph.AxisRange(1, 2))}
		return []*graph.Node{n.(Running).Refresh(path, ml.NewVars(n.Params("n", FFN, width), in[1:]), seen)}
	}
	return p
}

// fresh is a norm with its defaults, by the type that studies name.
func fresh(t *testing.T, kind string) Norm {
	t.Helper()
	for _, k := range Kinds() {
		if k.Type == kind {
			return k.New().(Norm)
		}
	}
	t.Fatalf("no norm %q", kind)
	return nil
}

// near allows for what float32 loses, as a share of the largest element.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d elements, want %d", what, len(got), len(want))
	}
	most := 0.0
	for _, v := range want {
		most = math.Max(most, math.Abs(float64(v)))
	}
	for i := range want {
		if apart := math.Abs(float64(got[i] - want[i])); !(apart <= 1e-5*most) {
			t.Fatalf("%s: element %d = %v, want %v", what, i, got[i], want[i])
		}
	}
}
