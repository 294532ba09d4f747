package norm

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

// run executes a program on float32 inputs.
func execute(t *testing.T, p ml.Program, in [][]float32) [][]float32 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Finalize()
	args := make([]compute.Buffer, len(in))
	for i, values := range in {
		if args[i], err = ml.NewBuffer(b, p.Inputs[i].Shape, values); err != nil {
			t.Fatal(err)
		}
	}
	bufs, err := e.Run(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, len(bufs))
	for i, buf := range bufs {
		if out[i], err = ml.Float32s(buf); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// program applies a norm to x [rows, width] and weighs the result, so that
// every gradient is exercised; with gradient, it returns those of all inputs.
func program(n Norm, rows, width int, gradient bool) ml.Program {
	params := n.Params("n", FFN, width)
	p := ml.Program{Name: "norm", Inputs: []ml.Input{{Name: "x", Shape: []int{rows, width}, DType: dtypes.Float32}}}
	for _, q := range params {
		p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32})
	}
	p.Build = func(in []*graph.Node) []*graph.Node {
		y := n.Apply(in[0], "n", ml.NewVars(params, in[1:]))
		weights := graph.Cos(graph.IotaFull(y.Graph(), y.Shape()))
		loss := graph.ReduceAllSum(graph.Mul(y, weights))
		if !gradient {
			return []*graph.Node{loss, y}
		}
		return graph.Gradient(loss, in...)
	}
	return p
}

func all() map[string]Norm {
	return map[string]Norm{
		"rmsnorm": &RMSNorm{Eps: 1e-5}, "layernorm": &LayerNorm{Eps: 1e-5},
		"derf": &Derf{Alpha: everywhere(0.5), Shift: true, Bias: true}, "dyt": &DyT{Alpha: everywhere(0.5), Bias: true},
		"dyt without bias": &DyT{Alpha: everywhere(0.5)},
		"derf plain":       &Derf{Alpha: everywhere(0.5)},
		"derf with asinh":  &Derf{Alpha: everywhere(0.5), Shift: true, Bias: true, Asinh: &Asinh{Scale: 2}},
		"hardtanh":         &HardTanh{Alpha: everywhere(0.5), Bias: true}, "none": &None{},
		"tapernorm": &TaperNorm{Taper: 2, Eps: 1e-5}, "bhyt": &BHyT{Lambda: everywhere(1), Kappa: 2, Eps: 1e-6}, "prmsnorm": &PRMSNorm{Share: 0.5, Eps: 1e-5},
	}
}

// Gradients against central differences. Values of order 1 in float32 carry an
// error of 1e-7; a step of 1e-2 makes the quotient good to about 1e-4.
func TestGradients(t *testing.T) {
	const rows, width, step, tolerance = 3, 4, 1e-2, 2e-3
	for name, n := range all() {
		t.Run(name, func(t *testing.T) {
			p := program(n, rows, width, false)
			var in [][]float32
			for i, input := range p.Inputs {
				size := 1
				for _, d := range input.Shape {
					size *= d
				}
				in = append(in, ml.NewStream(0, "test", input.Name).Normals(size, 1))
				if i > 0 { // parameters near their start
					for j := range in[i] {
						in[i][j] = 0.7 + 0.1*in[i][j]
					}
				}
			}
			grads := execute(t, program(n, rows, width, true), in)
			for i := range in {
				for j := range in[i] {
					old := in[i][j]
					in[i][j] = old + step
					up := execute(t, p, in)[0][0]
					in[i][j] = old - step
					down := execute(t, p, in)[0][0]
					in[i][j] = old
					want := float64(up-down) / (2 * step)
					if got := float64(grads[i][j]); math.Abs(got-want) > tolerance*math.Max(1, math.Abs(want)) {
						t.Errorf("gradient of %s[%d] = %v, want %v", p.Inputs[i].Name, j, got, want)
					}
				}
			}
		})
	}
}

// Values of erf and tanh at known points, through the norms.
func TestValues(t *testing.T) {
	x := []float32{-4, -1, -0.25, 0.5, 2, 8}
	for _, tt := range []struct {
		name string
		norm Norm
		want []float64
	}{
		{"derf 0.5", &Derf{Alpha: everywhere(0.5), Bias: true}, []float64{-0.995322, -0.520500, -0.140316, 0.276326, 0.842701, 1}},
		{"derf 0.3", &Derf{Alpha: everywhere(0.3), Bias: true}, []float64{-0.910314, -0.328627, -0.084470, 0.167996, 0.603856, 0.999311}},
		{"dyt 0.5", &DyT{Alpha: everywhere(0.5), Bias: true}, []float64{-0.964028, -0.462117, -0.124353, 0.244919, 0.761594, 0.999329}},
		{"dyt 0.3", &DyT{Alpha: everywhere(0.3), Bias: true}, []float64{-0.833655, -0.291313, -0.074860, 0.148885, 0.537050, 0.983675}},
		{"hardtanh 0.5", &HardTanh{Alpha: everywhere(0.5), Bias: true}, []float64{-1, -0.5, -0.125, 0.25, 1, 1}},
		{"none", &None{}, []float64{-4, -1, -0.25, 0.5, 2, 8}},
	} {
		in := [][]float32{x}
		for _, q := range tt.norm.Params("n", FFN, len(x)) {
			size := 1
			for _, d := range q.Shape {
				size *= d
			}
			values := make([]float32, size)
			for i := range values {
				values[i] = float32(q.Init.Value)
			}
			in = append(in, values)
		}
		got := execute(t, program(tt.norm, 1, len(x), false), in)[1]
		for i := range x {
			if math.Abs(float64(got[i])-tt.want[i]) > 1e-6 {
				t.Errorf("%s at %v = %.7f, want %.6f", tt.name, x[i], got[i], tt.want[i])
			}
		}
	}
}

func TestStartValuesBySite(t *testing.T) {
	n := &DyT{Alpha: Sites{Attention: 0.5, FFN: 0.3, Final: 0.4}}
	for site, want := range map[Site]float64{Attention: 0.5, FFN: 0.3, Final: 0.4} {
		for _, p := range n.Params("n", site, 4) {
			if p.Path == "n.alpha" && p.Init.Value != want {
				t.Errorf("α at %s starts at %v, want %v", site, p.Init.Value, want)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		list diag.List
		want string
	}{
		{"alpha 0", (&Derf{Alpha: everywhere(0)}).Validate(), "alpha must be above 0 at every site, not 0"},
		{"alpha below 0 at one site", (&DyT{Alpha: Sites{1, -1, 1}}).Validate(), "not -1"},
		{"lambda", (&Derf{Alpha: everywhere(1), EMABlend: &EMABlend{Lambda: 1.5, Momentum: 0.5}}).Validate(), "lambda must be between 0"},
		{"momentum", (&DyT{Alpha: everywhere(1), EMABlend: &EMABlend{}}).Validate(), "momentum must be above 0 and at most 1, not 0"},
		{"asinh", (&DyT{Alpha: everywhere(1), Asinh: &Asinh{}}).Validate(), "scale must be above 0, not 0"},
		{"alpha's rate", (&HardTanh{Alpha: everywhere(1), AlphaLearningRate: -1}).Validate(), "alpha_learning_rate must be above 0"},
		{"shift", (&Derf{Alpha: everywhere(1), ShiftStart: 1}).Validate(), "shift is false"},
		{"eps", (&RMSNorm{}).Validate(), "eps must be above 0, not 0"},
		{"share", (&PRMSNorm{Eps: 1}).Validate(), "share must be above 0 and at most 1, not 0"},
		{"share above 1", (&PRMSNorm{Share: 1.5, Eps: 1}).Validate(), "not 1.5"},
		{"eps of prmsnorm", (&PRMSNorm{Share: 1}).Validate(), "eps must be above 0, not 0"},
		{"lambda of bhyt", (&BHyT{Lambda: Sites{1, 0, 1}, Kappa: 10, Eps: 1}).Validate(), "lambda must be above 0 at every site, not 0"},
		{"kappa", (&BHyT{Lambda: everywhere(1), Kappa: 1, Eps: 1}).Validate(), "kappa must be above 1, not 1"},
		{"eps of bhyt", (&BHyT{Lambda: everywhere(1), Kappa: 10}).Validate(), "eps must be above 0, not 0"},
		{"warmup", (&TaperNorm{Taper: 1, Eps: 1}).Validate(), "warmup must be at least 1"},
		{"taper", (&TaperNorm{Warmup: 1, Taper: 20_000_000, Eps: 1}).Validate(), "taper must be at least 1 and at most 10000000, not 20000000"},
		{"decay", (&TaperNorm{Warmup: 1, Taper: 1, Decay: 1, Eps: 1}).Validate(), "decay must be at least 0 and below 1, not 1"},
		{"eps of tapernorm", (&TaperNorm{Warmup: 1, Taper: 1}).Validate(), "eps must be above 0, not 0"},
		{"eps of layernorm", (&LayerNorm{Eps: -1}).Validate(), "eps must be above 0, not -1"},
	} {
		if err := tt.list.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
