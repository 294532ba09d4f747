package optimizer

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

func execute(t *testing.T, p ml.Program, in ...[]float32) [][]float32 {
	t.Helper()
	return compiled(t, p)(in...)
}

// compiled is a program that can be executed many times.
func compiled(t *testing.T, p ml.Program) func(in ...[]float32) [][]float32 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatal(err)
	}
	return func(in ...[]float32) [][]float32 {
		args := make([]compute.Buffer, len(in))
		for i, values := range in {
			if p.Inputs[i].DType == dtypes.Int32 {
				args[i], err = ml.NewBuffer(b, p.Inputs[i].Shape, []int32{int32(values[0])})
			} else {
				args[i], err = ml.NewBuffer(b, p.Inputs[i].Shape, values)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		bufs, err := e.Run(args, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := make([][]float32, len(bufs))
		for i := range bufs {
			if out[i], err = ml.Float32s(bufs[i]); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
}

// Newton-Schulz against published results to four decimals (Keras pull request
// 21037): a square matrix, and a tall one, which goes through the transpose.
func TestNewtonSchulz(t *testing.T) {
	for _, tt := range []struct {
		shape    []int
		in, want []float32
	}{
		{[]int{4, 4}, []float32{
			.2450, .1280, .0010, .4861, .3499, .2341, .3737, .9310, .9632, .9400, .5003, .1285, .3585, .4744, .7334, .6123,
		}, []float32{
			-.0493, .3418, -.5932, .5596, .3052, -.4529, .1063, .7101, .6898, .5104, .0184, -.3814, -.4041, .2930, .7062, .2322,
		}},
		{[]int{4, 2}, []float32{
			.83079288, .13086341, .34745056, .05995961, .02953721, .58638872, .06437917, .68301915,
		}, []float32{.8826, .1575, .3692, .0714, .0445, .6226, .0836, .7259}},
	} {
		p := ml.Program{Name: "ns", Inputs: []ml.Input{{Name: "g", Shape: tt.shape, DType: dtypes.Float32}},
			Build: func(in []*graph.Node) []*graph.Node {
				return []*graph.Node{newtonSchulz{iterations: 5, coefficients: "quintic"}.apply(in[0])}
			}}
		got := execute(t, p, tt.in)[0]
		for i := range got {
			if math.Abs(float64(got[i]-tt.want[i])) > 0.6e-4 {
				t.Errorf("%v: element %d = %.5f, want %.4f", tt.shape, i, got[i], tt.want[i])
			}
		}
	}
}

// one is one update of one parameter.
func one(o Optimizer, p ml.Param) ml.Program {
	prog := ml.Program{Name: "update", Inputs: []ml.Input{
		{Name: "step", DType: dtypes.Int32}, {Name: "multiplier", DType: dtypes.Float32},
		{Name: "value", Shape: p.Shape, DType: dtypes.Float32}, {Name: "grad", Shape: p.Shape, DType: dtypes.Float32},
	}}
	for _, s := range States(o, p) {
		prog.Inputs = append(prog.Inputs, ml.Input{Name: s.Path, Shape: s.Shape, DType: dtypes.Float32})
	}
	prog.Build = func(in []*graph.Node) []*graph.Node {
		v, s := o.Update(p, in[2], in[3], in[4:], Clock{in[0], in[1]})
		return append([]*graph.Node{v}, s...)
	}
	return prog
}

// The first step of Adam moves every element by the learning rate, whatever
// the gradient's size; decay falls on matrices alone.
func TestAdamWFirstStep(t *testing.T) {
	a := &AdamW{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.5}
	for _, tt := range []struct {
		name  string
		param ml.Param
		want  float64
	}{
		{"matrix", ml.Param{Path: "m", Shape: []int{1, 2}, Role: ml.RoleMatrix}, 2*(1-0.05*0.5) - 0.05},
		{"vector", ml.Param{Path: "v", Shape: []int{2}, Role: ml.RoleVector}, 2 - 0.05},
	} {
		zero := []float32{0, 0}
		out := execute(t, one(a, tt.param), []float32{0}, []float32{0.5}, []float32{2, 2}, []float32{1e-3, 50}, zero, zero)
		for i, got := range out[0] {
			if math.Abs(float64(got)-tt.want) > 1e-5 {
				t.Errorf("%s: element %d = %v, want %v", tt.name, i, got, tt.want)
			}
		}
	}
}

// Muon's scale looks at [out, in]: a weight with more outputs than inputs moves
// further, its transpose does not.
func TestMuonOrientation(t *testing.T) {
	m := newMuon()
	m.LearningRate, m.Momentum, m.Nesterov = 1, 0, false
	size := func(out, in int) float64 {
		p := ml.Param{Path: "w", Shape: []int{out, in}, Role: ml.RoleMatrix}
		grad := make([]float32, out*in)
		for i := range grad {
			grad[i] = float32(math.Sin(float64(i*i + 1)))
		}
		zero := make([]float32, out*in)
		sum := 0.0
		for _, v := range execute(t, one(m, p), []float32{0}, []float32{1}, zero, grad, zero)[0] {
			sum += float64(v) * float64(v)
		}
		return math.Sqrt(sum)
	}
	tall, wide := size(8, 2), size(2, 8)
	if ratio := tall / wide; ratio < 1.6 || ratio > 2.4 {
		t.Errorf("8x2 moves %v times as far as 2x8, want about 2", ratio)
	}
}

func TestMuonGroups(t *testing.T) {
	m := &Muon{AdamW: newAdamW()}
	for role, want := range map[ml.Role]string{
		ml.RoleMatrix: "momentum", ml.RoleEmbedding: "m1 m2", ml.RoleHead: "m1 m2", ml.RoleVector: "m1 m2", ml.RoleScalar: "m1 m2",
	} {
		if got := strings.Join(m.State(ml.Param{Role: role, Shape: []int{2, 2}}), " "); got != want {
			t.Errorf("state of a %s = %s, want %s", role, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := newMuon
	if err := good().Validate().Err(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Muon){
		"learning_rate must be above 0, not -1":                            func(m *Muon) { m.LearningRate = -1 },
		"momentum must be at least 0 and below 1, not 1":                   func(m *Muon) { m.Momentum = 1 },
		"iterations must be between 1 and 100, not 0":                      func(m *Muon) { m.Iterations = 0 },
		"iterations must be between 1 and 100, not 101":                    func(m *Muon) { m.Iterations = 101 },
		`precision must be "fp32" or "bf16", not "fp8"`:                    func(m *Muon) { m.Precision = "fp8" },
		`scale must be "jordan", "moonlight", "max" or "none", not "adam"`: func(m *Muon) { m.Scale = "adam" },
		"beta2 must be at least 0 and below 1, not 1":                      func(m *Muon) { m.AdamW.Beta2 = 1 },
		"eps must be above 0, not 0":                                       func(m *Muon) { m.AdamW.Eps = 0 },
		"weight_decay must be at least 0, not -0.1":                        func(m *Muon) { m.WeightDecay = -0.1 },
	} {
		m := good()
		change(m)
		if err := m.Validate().Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want %q", err, want)
		}
	}
}

// The other rules name field and limit as well.
func TestValidateOthers(t *testing.T) {
	hyperball := func(change func(*Hyperball)) pipeline.Stage { h := newHyperball(); change(h); return h }
	shampoo := func(change func(*Shampoo)) pipeline.Stage { s := newShampoo(); change(s); return s }
	ademamix := func(change func(*AdEMAMix)) pipeline.Stage { a := newAdEMAMix(); change(a); return a }
	normuon := func(change func(*NorMuon)) pipeline.Stage { m := newNorMuon(); change(m); return m }
	lion := Lion{LearningRate: 1, Beta1: 0.9, Beta2: 0.99}
	signum, sgd := Signum{LearningRate: 1, Momentum: 0.9}, SGD{LearningRate: 1, Momentum: 0.9}
	for want, o := range map[string]pipeline.Stage{
		"": &lion,
		"beta1 must be at least 0 and below 1, not 1":      &Lion{LearningRate: 1, Beta1: 1},
		"beta2 must be at least 0 and below 1, not -1":     &Lion{LearningRate: 1, Beta2: -1},
		"learning_rate must be above 0, not 0":             &Signum{},
		"momentum must be at least 0 and below 1, not 1":   &Signum{LearningRate: 1, Momentum: 1},
		"momentum must be at least 0 and below 1, not -1":  &SGD{LearningRate: 1, Momentum: -1},
		"weight_decay must be at least 0, not -2":          &SGD{LearningRate: 1, WeightDecay: -2},
		"above 0 and below 1, a share of the norm, not 1":  hyperball(func(h *Hyperball) { h.LearningRate = 1 }),
		`direction must be "muon" or "adam", not "sgd"`:    hyperball(func(h *Hyperball) { h.Direction = "sgd" }),
		"iterations must be between 1 and 100, not 100000": hyperball(func(h *Hyperball) { h.Iterations = 100_000 }),
		"momentum must be at least 0 and below 1, not 2":   normuon(func(m *NorMuon) { m.Momentum = 2 }),
		"beta2 must be at least 0 and below 1, not 1":      normuon(func(m *NorMuon) { m.Beta2 = 1 }),
		"eps must be above 0, not 0":                       normuon(func(m *NorMuon) { m.Eps = 0 }),
		"iterations must be between 1 and 100, not 0":      normuon(func(m *NorMuon) { m.Iterations = 0 }),
		`scale must be "muon" or "rms", not "jordan"`:      normuon(func(m *NorMuon) { m.Scale = "jordan" }),
		"weight_decay must be at least 0, not -1":          normuon(func(m *NorMuon) { m.WeightDecay = -1 }),
		"beta1 must be above 0 and below 1, not 0":         ademamix(func(a *AdEMAMix) { a.Beta1 = 0 }),
		"beta2 must be at least 0 and below 1, not -2":     ademamix(func(a *AdEMAMix) { a.Beta2 = -2 }),
		"beta3 must be at least beta1 and below 1, not 1":  ademamix(func(a *AdEMAMix) { a.Beta3 = 1 }),
		"alpha must be at least 0, not -1":                 ademamix(func(a *AdEMAMix) { a.Alpha = -1 }),
		"warmup must be at least 0, not -5":                ademamix(func(a *AdEMAMix) { a.Warmup = -5 }),
		"eps must be above 0, not -4":                      ademamix(func(a *AdEMAMix) { a.Eps = -4 }),
		"weight_decay must be at least 0, not -7":          ademamix(func(a *AdEMAMix) { a.WeightDecay = -7 }),
		"beta1 must be at least 0 and below 1, not 3":      shampoo(func(s *Shampoo) { s.Beta1 = 3 }),
		"beta2 must be at least 0 and at most 1, not 1.5":  shampoo(func(s *Shampoo) { s.Beta2 = 1.5 }),
		"and below 1, not 1e-09":                           shampoo(func(s *Shampoo) { s.Eps = 1e-9 }),
		"iterations must be between 1 and 100, not 200":    shampoo(func(s *Shampoo) { s.Iterations = 200 }),
		`"moonlight" or "max", not "rms"`:                  shampoo(func(s *Shampoo) { s.Scale = "rms" }),
		"weight_decay must be at least 0, not -9":          shampoo(func(s *Shampoo) { s.WeightDecay = -9 }),
		"learning_rate must be above 0, not -3":            hyperball(func(h *Hyperball) { h.AdamW.LearningRate = -3 }),
	} {
		err := o.Validate().Err()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() of %T = %v, want %q", o, err, want)
		}
	}
	for _, o := range []pipeline.Stage{&signum, &sgd, newHyperball()} {
		if err := o.Validate().Err(); err != nil {
			t.Errorf("Validate() of %T = %v", o, err)
		}
	}
}
