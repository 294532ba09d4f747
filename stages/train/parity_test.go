package train

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// referenceConfig is the configuration of a reference trajectory.
type referenceConfig struct {
	Vocab      int     `json:"vocab"`
	Width      int     `json:"width"`
	Layers     int     `json:"layers"`
	Heads      int     `json:"heads"`
	KVHeads    int     `json:"kv_heads"`
	FFN        int     `json:"ffn"`
	Length     int     `json:"length"`
	Sequences  int     `json:"sequences"`
	Accumulate int     `json:"accumulate"`
	Steps      int     `json:"steps"`
	Warmup     int     `json:"warmup"`
	Floor      float64 `json:"floor"`
	ClipNorm   float64 `json:"clip_norm"`
	RopeTheta  float64 `json:"rope_theta"`
	Eps        float64 `json:"eps"`
	InitStd    float64 `json:"init_std"`
	Tied       bool    `json:"tied"`
	EmbedScale bool    `json:"embed_scale"`
	Norm       struct {
		Type  string `json:"type"`
		Alpha struct {
			Attention float64 `json:"attention"`
			FFN       float64 `json:"ffn"`
			Final     float64 `json:"final"`
		} `json:"alpha"`
		Shift    float64 `json:"shift"`
		EMABlend *struct {
			Lambda   float64 `json:"lambda"`
			Momentum float64 `json:"momentum"`
		} `json:"ema_blend"`
	} `json:"norm"`
	Optimizer referenceOptimizer `json:"optimizer"`
}

type referenceOptimizer struct {
	Type         string              `json:"type"`
	LearningRate float64             `json:"learning_rate"`
	Beta1        float64             `json:"beta1"`
	Beta2        float64             `json:"beta2"`
	Eps          float64             `json:"eps"`
	WeightDecay  float64             `json:"weight_decay"`
	Momentum     float64             `json:"momentum"`
	Nesterov     bool                `json:"nesterov"`
	NSSteps      int                 `json:"ns_steps"`
	Scale        string              `json:"scale"`
	Aux          *referenceOptimizer `json:"aux"`
}

type reference struct {
	Config     referenceConfig    `json:"config"`
	Losses     []float64          `json:"losses"`
	GradNorms  []float64          `json:"grad_norms"`
	FinalNorms map[string]float64 `json:"final_parameter_norms"`
	Sigma      map[string]float64 `json:"sigma"`
}

func (o referenceOptimizer) build(t *testing.T) optimizer.Optimizer {
	adamw := func(o referenceOptimizer) *optimizer.AdamW {
		return &optimizer.AdamW{LearningRate: o.LearningRate, Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Eps, WeightDecay: o.WeightDecay}
	}
	switch o.Type {
	case "adamw":
		return adamw(o)
	case "muon":
		rest := o // the reference's rule where aux is left out
		if o.Aux != nil {
			rest = *o.Aux
		}
		scale := o.Scale
		if scale != "jordan" && scale != "moonlight" {
			scale = "none" // as for any other name there
		}
		return &optimizer.Muon{LearningRate: o.LearningRate, Momentum: o.Momentum, MomentumForm: "ema", Nesterov: o.Nesterov,
			Iterations: o.NSSteps, Coefficients: "quintic", Scale: scale, WeightDecay: o.WeightDecay, AdamW: adamw(rest)}
	}
	t.Fatalf("no optimizer %q", o.Type)
	return nil
}

func (c referenceConfig) norm(t *testing.T) norm.Norm {
	alpha := norm.Sites(c.Norm.Alpha)
	var blend *norm.EMABlend
	if e := c.Norm.EMABlend; e != nil {
		blend = &norm.EMABlend{Lambda: e.Lambda, Momentum: e.Momentum}
	}
	switch c.Norm.Type {
	case "rmsnorm":
		return &norm.RMSNorm{Eps: c.Eps}
	case "layernorm":
		return &norm.LayerNorm{Eps: c.Eps}
	case "derf":
		return &norm.Derf{Alpha: alpha, Shift: true, ShiftStart: c.Norm.Shift, Bias: true, EMABlend: blend}
	case "dyt":
		return &norm.DyT{Alpha: alpha, Bias: true, EMABlend: blend}
	}
	t.Fatalf("no norm %q", c.Norm.Type)
	return nil
}

// TestPyTorchParity runs the programs that trials run from PyTorch's initial
// parameters on PyTorch's batches and compares what comes out, for the cases of
// testdata/parity and those of the folder that ABLATE_PARITY_DIR names.
func TestPyTorchParity(t *testing.T) { testParity(t, "go") }

func testParity(t *testing.T, backend string) {
	dirs := []string{"testdata/parity"}
	if extra := os.Getenv("ABLATE_PARITY_DIR"); extra != "" {
		dirs = append(dirs, extra)
	}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no cases in %s (%v)", dir, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				checkParity(t, file, backend)
			})
		}
	}
}

func checkParity(t *testing.T, file, backend string) {
	p := startParity(t, file, backend, "")
	for step := range p.want.Config.Steps {
		loss, norm := p.step(t, step)
		tolerance := 2e-3
		if step < 10 {
			tolerance = 1e-4
		}
		near(t, "loss", step, loss, p.want.Losses[step], tolerance)
		near(t, "gradient norm", step, norm, p.want.GradNorms[step], tolerance)
	}
	final, _, err := p.machine.save()
	if err != nil {
		t.Fatal(err)
	}
	for i, param := range p.recipe.params {
		if param.Role == ml.RoleBuffer {
			near(t, param.Path, p.spec.Steps, float64(final[i].F32[0]), p.want.Sigma[strings.TrimSuffix(param.Path, ".sigma")], 2e-3)
			continue
		}
		sum := 0.0
		for _, v := range final[i].F32 {
			sum += float64(v) * float64(v)
		}
		near(t, "final norm of "+param.Path, p.spec.Steps, math.Sqrt(sum), p.want.FinalNorms[param.Path], 2e-3)
	}
}

// parity is a trial that starts from a reference's parameters.
type parity struct {
	want    reference
	spec    *LM
	recipe  *recipe
	machine *machine
	tokens  []int32
}

// step trains one step on the reference's batch.
func (p *parity) step(t *testing.T, step int) (loss, norm float64) {
	t.Helper()
	size := len(p.tokens) / p.spec.Steps
	loss, norm, err := p.machine.step(step, p.spec.Schedule.at(step, p.spec.Steps), p.tokens[step*size:(step+1)*size], nil)
	if err != nil {
		t.Fatal(err)
	}
	return loss, norm
}

func startParity(t *testing.T, file, backendName, precision string) *parity {
	t.Helper()
	var want reference
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	byName := readTensors(t, strings.TrimSuffix(file, ".json")+".safetensors")
	c := want.Config
	if c.ClipNorm == 0 {
		c.ClipNorm = 1e-30 // to the reference 0 is a limit like any other, to a study it means none
	}
	spec := &LM{
		Steps: c.Steps, ClipNorm: &c.ClipNorm, Accumulate: c.Accumulate, Batch: Batch{c.Sequences, c.Length}, Precision: precision,
		Schedule: &Schedule{Cosine: &Cosine{Warmup: c.Warmup, Floor: c.Floor}},
	}
	m := &model.Llama{Layers: c.Layers, Width: c.Width, Heads: c.Heads, KVHeads: c.KVHeads, FFN: c.FFN,
		RopeTheta: c.RopeTheta, Tied: c.Tied, EmbedScale: c.EmbedScale, InitStd: c.InitStd}
	r := newRecipe(m, norm.Everywhere(c.norm(t)), c.Optimizer.build(t), c.Vocab, spec)
	if backendName != "go" {
		r = r.lower()
	}
	start := make([][]float32, len(r.params))
	for i, p := range r.params {
		if p.Role == ml.RoleBuffer {
			start[i] = []float32{float32(p.Init.Value)}
			continue
		}
		x, ok := byName[p.Path]
		if !ok {
			t.Fatalf("the reference has no parameter %s", p.Path)
		}
		start[i] = x.F32
	}
	if trained := r.trainedParams(); len(byName) != len(trained)+1 {
		t.Fatalf("the reference has %d parameters, the model %d", len(byName)-1, len(trained))
	}
	b, err := backend.Open(backendName, 1)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := startedMachine(b, r, 1, append(start, initialise(r.states, ml.NewStream(0, "init", "1"))...))
	if err != nil {
		t.Fatal(err)
	}
	return &parity{want, spec, r, machine, byName["tokens"].I32}
}

// readTensors reads a safetensors file.
func readTensors(t *testing.T, file string) map[string]ml.Tensor {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := ml.ReadSafetensors(raw)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]ml.Tensor)
	for _, x := range tensors {
		byName[x.Name] = x
	}
	return byName
}

// TestAutocast compares training with factors in bf16 with PyTorch's autocast, which
// rounds results of products too, and with the same training in fp32.
func TestAutocast(t *testing.T) { testAutocast(t, "go") }

func testAutocast(t *testing.T, backend string) {
	var want struct {
		Case      string    `json:"case"`
		Losses    []float64 `json:"losses"`
		GradNorms []float64 `json:"grad_norms"`
	}
	raw, err := os.ReadFile("testdata/bf16.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	p := startParity(t, filepath.Join("testdata/parity", want.Case+".json"), backend, "bf16")
	rounded := false
	for step := range p.spec.Steps {
		loss, norm := p.step(t, step)
		tolerance := 3e-3
		if step < 10 {
			tolerance = 5e-4
			rounded = rounded || math.Abs(loss-p.want.Losses[step]) > 1e-5*loss
		}
		near(t, "loss", step, loss, want.Losses[step], tolerance)
		near(t, "gradient norm", step, norm, want.GradNorms[step], 10*tolerance)
	}
	if !rounded {
		t.Error("the losses are those of fp32")
	}
}

func near(t *testing.T, what string, step int, got, want, tolerance float64) {
	t.Helper()
	if diff := math.Abs(got - want); diff > tolerance*math.Max(math.Abs(want), 1e-2) {
		t.Errorf("%s at step %d = %.7g, want %.7g within %g", what, step, got, want, tolerance)
	}
}
