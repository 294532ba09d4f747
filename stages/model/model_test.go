package model

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// Parameter counts of published models.
func TestParameters(t *testing.T) {
	llama := func(preset string) Model {
		m := &Llama{}
		m.SetPreset(preset)
		m.Resolve()
		return m
	}
	gpt2 := func(preset string, bias bool) Model {
		m := &GPT2{}
		m.SetPreset(preset)
		m.Bias = bias
		m.Resolve()
		return m
	}
	for _, tt := range []struct {
		name       string
		model      Model
		norm       norm.Norm
		vocabulary int
		want       int64
	}{
		// Hugging Face's gpt2: 124,439,808.
		{"gpt2", gpt2("124m", true), &norm.LayerNorm{Eps: 1e-5, Bias: true}, 50257, 124439808},
		// Hugging Face's gpt2-medium: 354,823,168.
		{"gpt2-medium", gpt2("350m", true), &norm.LayerNorm{Eps: 1e-5, Bias: true}, 50257, 354823168},
		// nanoGPT prints 123.59M without the 1024 positions for its 50304 tokens without bias.
		{"nanogpt", gpt2("124m", false), &norm.LayerNorm{Eps: 1e-5}, 50304, 123587328 + 1024*768},
		// Matrices of attention and feed-forward layer, their norms, embedding and the last norm.
		{"llama 124m", llama("124m"), &norm.RMSNorm{Eps: 1e-5}, 50257, 12*(4*768*768+3*768*2048+2*768) + 50257*768 + 768},
		{"llama 350m", llama("350m"), &norm.RMSNorm{Eps: 1e-5}, 50257, 24*(4*1024*1024+3*1024*2736+2*1024) + 50257*1024 + 1024},
		// Hugging Face's Llama-3.2-1B: 1,235,814,400.
		{"llama-3.2-1b", llama("llama-3.2-1b"), &norm.RMSNorm{Eps: 1e-5}, 128256, 1235814400},
		// arXiv 2604.01563: 45.09M a layer, 262.7M of embeddings.
		{"1b-paper", llama("1b-paper"), &norm.RMSNorm{Eps: 1e-5}, 128256, 16*(2048*2048*2+2*512*2048+3*2048*5632+2*2048) + 128256*2048 + 2048},
	} {
		if got := Parameters(tt.model.Params(norm.Everywhere(tt.norm), tt.vocabulary)); got != tt.want {
			t.Errorf("%s: %d parameters, want %d", tt.name, got, tt.want)
		}
	}
	m := gpt2("124m", false)
	// PaLM's formula for GPT-2 at 1024 positions: 6 · 123.55M + 12 · 12 · 768 · 1024.
	want := 6*float64(12*12*768*768+50257*768) + 12*12*768*1024
	if got := FLOPs(m, m.Params(norm.Everywhere(&norm.None{}), 50257), 1024); math.Abs(got/want-1) > 1e-12 {
		t.Errorf("FLOPs = %v, want %v", got, want)
	}
}

func TestValidate(t *testing.T) {
	for want, m := range map[string]interface{ check() error }{
		"layers must be at least 1, not 0":                  checkLlama(func(m *Llama) { m.Layers = 0 }),
		"layers must be at most 1000, not 1000000000":       checkLlama(func(m *Llama) { m.Layers = 1e9 }),
		"width must be at most 1048576":                     checkLlama(func(m *Llama) { m.Width = 1 << 40 }),
		"width 128 cannot be divided among 3 heads":         checkLlama(func(m *Llama) { m.Heads = 3 }),
		"128 heads of width 128 are 1 wide each":            checkLlama(func(m *Llama) { m.Heads = 128 }),
		"4 heads cannot share 3 key and value heads":        checkLlama(func(m *Llama) { m.KVHeads = 3 }),
		"4 heads cannot share 8 key and value heads":        checkLlama(func(m *Llama) { m.KVHeads = 8 }),
		"rope_theta must be above 0, not 0":                 checkLlama(func(m *Llama) { m.RopeTheta = 0 }),
		"init_std must be above 0":                          checkLlama(func(m *Llama) { m.InitStd = 0 }),
		"dropout is a share, at least 0 and below 1, not 1": checkGPT2(func(m *GPT2) { m.Dropout = 1 }),
		"positions must be at least 1, not -3":              checkGPT2(func(m *GPT2) { m.Positions = -3 }),
		"width 384 cannot be divided among 7 heads":         checkGPT2(func(m *GPT2) { m.Heads = 7 }),
		`attention = "cudnn" takes no dropout`:              checkGPT2(func(m *GPT2) { m.Attention, m.Dropout = "cudnn", 0.1 }),
		`heads of width 384 are 4 wide each`:                checkGPT2(func(m *GPT2) { m.Attention, m.Heads, m.Dropout = "cudnn", 96, 0 }),
		`attention must be "plain", "flash" or "cudnn"`:     checkGPT2(func(m *GPT2) { m.Attention = "linear" }),
		"residual_scale must not be 0":                      checkGPT2(func(m *GPT2) { m.ResidualScale = new(float64) }),
	} {
		if err := m.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want %q", err, want)
		}
	}
}

type checkLlama func(*Llama)

func (f checkLlama) check() error {
	m := &Llama{}
	m.SetPreset("tiny")
	m.Resolve()
	f(m)
	return m.Validate().Err()
}

type checkGPT2 func(*GPT2)

func (f checkGPT2) check() error {
	m := &GPT2{}
	m.SetPreset("nano-char")
	m.Resolve()
	f(m)
	return m.Validate().Err()
}

// small are models that run in a moment.
func small() map[string]Model {
	scale := 0.5
	g := newGPT2()
	g.Layers, g.Width, g.Heads, g.Positions = 2, 16, 2, 8
	g.Resolve()
	l := newLlama()
	l.Layers, l.Width, l.Heads, l.KVHeads = 2, 16, 2, 1
	l.Resolve()
	scaled, after, around := *g, *g, *l
	scaled.ResidualScale, scaled.EmbedScale, scaled.Tied = &scale, true, false
	after.Placement, around.Placement = post, peri
	return map[string]Model{"gpt2": g, "gpt2 scaled": &scaled, "gpt2 post": &after, "llama": l, "llama peri": &around}
}

func logits(t *testing.T, m Model, tokens []int32, noise []uint32, dot dtypes.DType) []float32 {
	t.Helper()
	scores, _ := scoresOf(t, m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), 11, tokens, noise, dot, func(q ml.Param) []float32 {
		if q.Init.Std > 0 {
			return ml.NewStream(1, "init").Sub(q.Path).Normals(int(q.Size()), 0.3)
		}
		return slices.Repeat([]float32{float32(q.Init.Value)}, int(q.Size()))
	})
	return scores
}

// scoresOf returns a model's scores of tokens, and the largest scores of attention by
// layer and head, with parameters as values gives them.
func scoresOf(t *testing.T, m Model, n norm.Norms, vocabulary int, tokens []int32, noise []uint32, dot dtypes.DType, values func(ml.Param) []float32) (scores, tops []float32) {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	params := m.Params(n, vocabulary)
	p := ml.Program{Name: "logits", Inputs: []ml.Input{{Name: "tokens", Shape: []int{1, len(tokens)}, DType: dtypes.Int32}}}
	for _, q := range params {
		p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32})
	}
	p.Inputs = append(p.Inputs, ml.Input{Name: "noise", Shape: []int{2}, DType: dtypes.Uint32})
	p.Build = func(in []*Node) []*Node {
		vars := ml.NewVars(params, in[1:len(in)-1]).Multiplying(dot)
		if noise != nil {
			vars = vars.Noisy(in[len(in)-1])
		}
		var tops []*Node
		vars = vars.Watched(func(path string, x *Node) {
			if strings.HasSuffix(path, TopScores) {
				tops = append(tops, x)
			}
		})
		return []*Node{Logits(m, in[0], n, vars), Concatenate(tops, 0)}
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatal(err)
	}
	var args []compute.Buffer
	add := func(buf compute.Buffer, err error) {
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, buf)
	}
	add(ml.NewBuffer(b, []int{1, len(tokens)}, tokens))
	for _, q := range params {
		add(ml.NewBuffer(b, q.Shape, values(q)))
	}
	if noise == nil {
		noise = []uint32{0, 0}
	}
	add(ml.NewBuffer(b, []int{2}, noise))
	out, err := e.Run(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, to := range []*[]float32{&scores, &tops} {
		if *to, err = ml.Float32s(out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return scores, tops
}

// No position sees what follows it.
func TestCausal(t *testing.T) {
	for name, m := range small() {
		a := logits(t, m, []int32{1, 2, 3, 4, 5, 6}, nil, dtypes.Float32)
		b := logits(t, m, []int32{1, 2, 3, 9, 0, 7}, nil, dtypes.Float32)
		for i := range 3 * 11 {
			if a[i] != b[i] {
				t.Errorf("%s: score %d depends on later tokens", name, i)
				break
			}
		}
		if a[3*11] == b[3*11] {
			t.Errorf("%s: scores do not depend on their own token", name)
		}
	}
}

// Products in bfloat16 stay near those in float32, and are not the same.
func TestPrecision(t *testing.T) {
	for name, m := range small() {
		tokens := []int32{1, 2, 3, 4, 5, 6}
		a, b := logits(t, m, tokens, nil, dtypes.Float32), logits(t, m, tokens, nil, dtypes.BFloat16)
		worst, size := 0.0, 0.0
		for i := range a {
			worst, size = max(worst, math.Abs(float64(a[i]-b[i]))), max(size, math.Abs(float64(a[i])))
		}
		if worst == 0 || worst > 0.05*size {
			t.Errorf("%s: bfloat16 differs by %v from scores of up to %v", name, worst, size)
		}
	}
}

// Dropout follows from its key alone, and only with a key.
func TestDropout(t *testing.T) {
	m := newGPT2()
	m.Layers, m.Width, m.Heads, m.Positions = 1, 64, 2, 8
	m.Resolve()
	tokens := []int32{1, 2, 3, 4, 5, 6, 7, 8}
	plain := logits(t, m, tokens, nil, dtypes.Float32)
	m.Dropout = 0.25
	for _, tt := range []struct {
		name string
		a, b []float32
		same bool
	}{
		{"evaluation", plain, logits(t, m, tokens, nil, dtypes.Float32), true},
		{"one key", logits(t, m, tokens, []uint32{1, 2}, dtypes.Float32), logits(t, m, tokens, []uint32{1, 2}, dtypes.Float32), true},
		{"two keys", logits(t, m, tokens, []uint32{1, 2}, dtypes.Float32), logits(t, m, tokens, []uint32{1, 3}, dtypes.Float32), false},
		{"training", plain, logits(t, m, tokens, []uint32{1, 2}, dtypes.Float32), false},
	} {
		same := true
		for i := range tt.a {
			same = same && tt.a[i] == tt.b[i]
		}
		if same != tt.same {
			t.Errorf("%s: same = %v, want %v", tt.name, same, tt.same)
		}
	}
}
