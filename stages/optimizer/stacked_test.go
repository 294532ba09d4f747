package optimizer

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// step is one update of many parameters from waves.
func step(t *testing.T, m *Muon, params []ml.Param) [][]float32 {
	t.Helper()
	p := ml.Program{Name: "update", Inputs: []ml.Input{{Name: "step", DType: dtypes.Int32}, {Name: "multiplier", DType: dtypes.Float32}}}
	args := [][]float32{{0}, {1}}
	for i, q := range params {
		n := int(q.Size())
		p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32},
			ml.Input{Name: q.Path + ".grad", Shape: q.Shape, DType: dtypes.Float32})
		args = append(args, waves(n), waves(n + 100*i)[100*i:])
		for _, s := range m.State(q) {
			p.Inputs = append(p.Inputs, ml.Input{Name: q.Path + "." + s, Shape: q.Shape, DType: dtypes.Float32})
			args = append(args, make([]float32, n))
		}
	}
	p.Build = func(in []*graph.Node) []*graph.Node {
		var values, grads []*graph.Node
		var states [][]*graph.Node
		rest := in[2:]
		for _, q := range params {
			n := len(m.State(q))
			values, grads, states = append(values, rest[0]), append(grads, rest[1]), append(states, rest[2:2+n])
			rest = rest[2+n:]
		}
		out, moments := UpdateAll(m, params, values, grads, states, Clock{in[0], in[1]})
		for _, s := range moments {
			out = append(out, s...)
		}
		return out
	}
	return execute(t, p, args...)
}

// Stacks give what the matrices give one by one, whatever their shapes: several
// of one, some on their sides, a fused one, one alone, and a vector among them.
func TestBatched(t *testing.T) {
	shapes := []ml.Param{
		{Shape: []int{6, 4}, Role: ml.RoleMatrix}, {Shape: []int{4, 6}, Role: ml.RoleMatrix}, {Shape: []int{5}, Role: ml.RoleVector},
		{Shape: []int{12, 4}, Role: ml.RoleMatrix, Parts: 3}, {Shape: []int{4, 4}, Role: ml.RoleMatrix}, {Shape: []int{4, 4}, Role: ml.RoleMatrix},
		{Shape: []int{3, 9}, Role: ml.RoleMatrix}, {Shape: []int{6, 4}, Role: ml.RoleMatrix},
	}
	for i := range shapes {
		shapes[i].Path = string(rune('a' + i))
	}
	for _, coefficients := range []string{"quintic", "polar-express"} {
		for _, precision := range []string{"fp32", "bf16"} {
			m := newMuon()
			m.LearningRate, m.Coefficients, m.Precision = 1, coefficients, precision
			want := step(t, m, shapes)
			m.Batched = true
			got := step(t, m, shapes)
			for i := range want {
				for j := range want[i] {
					if math.Abs(float64(got[i][j]-want[i][j])) > 1e-5 {
						t.Errorf("%s %s: output %d element %d = %v, want %v", coefficients, precision, i, j, got[i][j], want[i][j])
						break
					}
				}
			}
		}
	}
}

// In bfloat16 the update is near that of float32, and not the same. The quintic
// does not converge, so a rounding can move a singular value within its range.
func TestMuonPrecision(t *testing.T) {
	params := []ml.Param{matrixParam(8, 6, 0)}
	m := newMuon()
	m.LearningRate = 1
	want := step(t, m, params)[0]
	m.Precision = "bf16"
	got := step(t, m, params)[0]
	moved, apart := make([]float32, len(want)), make([]float32, len(want))
	for i, w := range waves(len(want)) { // the start
		moved[i], apart[i] = want[i]-w, got[i]-want[i]
	}
	if share := size(apart) / size(moved); share == 0 || share > 0.15 {
		t.Errorf("the update differs by %v of its norm in bfloat16", share)
	}
}

// A stack needs what its matrices need together.
func TestMuonScratch(t *testing.T) {
	params := []ml.Param{matrixParam(8, 6, 0), matrixParam(6, 8, 0), matrixParam(18, 8, 3), matrixParam(2, 2, 0)}
	one := int64(6 * (4*8 + 4*2*(8+6)))
	for _, tt := range []struct {
		batched   bool
		precision string
		want      int64
	}{{false, "fp32", one}, {true, "fp32", 5 * one}, {true, "bf16", 5 * 6 * (4*8 + 2*2*(8+6))}} {
		m := newMuon()
		m.Batched, m.Precision = tt.batched, tt.precision
		if got := m.Scratch(params); got != tt.want {
			t.Errorf("batched %v in %s needs %d bytes, want %d", tt.batched, tt.precision, got, tt.want)
		}
	}
}
