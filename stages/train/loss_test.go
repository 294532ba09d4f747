package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/formula"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// smallModels are networks of every shape that the loss and its gradient see.
func smallModels() map[string]model.Model {
	llama := func(tied bool) *model.Llama {
		m := &model.Llama{Layers: 2, Width: 16, Heads: 4, KVHeads: 2, RopeTheta: 10000, Tied: tied, EmbedScale: tied, InitStd: 0.1}
		m.Resolve()
		return m
	}
	gpt2 := &model.GPT2{Layers: 2, Width: 16, Heads: 2, Positions: 16, Bias: true, Tied: true, InitStd: 0.1, Dropout: 0.2}
	gpt2.Resolve()
	inBlocks := *gpt2
	inBlocks.Attention = "flash"
	return map[string]model.Model{"llama tied": llama(true), "llama": llama(false), "gpt2 tied": gpt2, "gpt2 flash": &inBlocks}
}

// smallRecipe composes a trial of 2 micro-batches of 2 sequences.
func smallRecipe(m model.Model, o optimizer.Optimizer, length int, change func(*LM)) *recipe {
	clip := 1.0
	spec := &LM{Steps: 4, ClipNorm: &clip, Accumulate: 2, Precision: "fp32", Batch: Batch{2, length}, Schedule: &Schedule{Constant: &Constant{}}}
	if change != nil {
		change(spec)
	}
	return newRecipe(m, norm.Everywhere(&norm.Derf{Alpha: norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}, Bias: true}), o, 19, spec)
}

func smallTokens(r *recipe) []int32 {
	tokens := make([]int32, r.accumulate*r.batch.Sequences*(r.batch.Length+1))
	for i := range tokens {
		tokens[i] = int32((i*i + 3*i) % r.vocabulary)
	}
	return tokens
}

// gradients runs the loss of one step and its gradient, by parameter; the loss
// has no name.
func gradients(t *testing.T, r *recipe) map[string][]float32 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	step := r.step()
	step.Inputs = append(step.Inputs[:len(r.params):len(r.params)], step.Inputs[len(r.params)+len(r.states)+2:]...)
	step.Build = func(in []*Node) []*Node {
		params, rest := in[:len(r.params)], in[len(r.params):]
		var noise *Node
		if r.noisy() {
			noise = rest[1]
		}
		loss := r.meanLoss(rest[0], noise, r.vars(params))
		return append(Gradient(loss, r.trained(params)...), loss)
	}
	e, err := ml.Compile(b, step)
	if err != nil {
		t.Fatal(err)
	}
	var in []compute.Buffer
	add := func(buf compute.Buffer, err error) {
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, buf)
	}
	for i, v := range initialise(r.params, ml.NewStream(0, "init", "1")) {
		add(ml.NewBuffer(b, r.params[i].Shape, v))
	}
	add(ml.NewBuffer(b, step.Inputs[len(r.params)].Shape, smallTokens(r)))
	if r.noisy() {
		add(ml.NewBuffer(b, []int{r.accumulate, 2}, []uint32{1, 2, 3, 4}))
	}
	buffers, err := e.Run(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]float32)
	for i, buf := range buffers {
		name := ""
		if i < len(buffers)-1 {
			name = r.trainedParams()[i].Path
		}
		if out[name], err = ml.Float32s(buf); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// agree holds gradients against others: each tensor's largest difference must
// be below a share of its largest element.
func agree(t *testing.T, got, want map[string][]float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d gradients, want %d", len(got), len(want))
	}
	for name, w := range want {
		worst, size := 0.0, 0.0
		for i, g := range got[name] {
			worst, size = max(worst, math.Abs(float64(g-w[i]))), max(size, math.Abs(float64(w[i])))
		}
		if len(got[name]) != len(w) || size == 0 || !(worst <= tolerance*size) {
			t.Errorf("%q differs by %.3g, its largest element is %.3g", name, worst, size)
		}
	}
}

// The loss in chunks, and its gradient, are those of the whole.
func TestChunkedLoss(t *testing.T) {
	for name, m := range smallModels() {
		for precision, tolerance := range map[string]float64{"fp32": 1e-5, "bf16": 1e-2} {
			set := func(chunk int) func(*LM) {
				return func(s *LM) { s.LossChunk, s.Precision = chunk, precision }
			}
			want := gradients(t, smallRecipe(m, &optimizer.SGD{}, 9, set(0)))
			for _, chunk := range []int{1, 5, 6, 18, 100} { // of 18 rows
				t.Run(name+" "+precision, func(t *testing.T) {
					agree(t, gradients(t, smallRecipe(m, &optimizer.SGD{}, 9, set(chunk))), want, tolerance)
				})
			}
		}
	}
}

// withSquare is the cross-entropy and the square of something else that a loss reads.
func withSquare(name string) formula.Formula {
	return formula.Formula{Nodes: []formula.Node{
		{Op: "name", Name: "cross_entropy"}, {Op: "name", Name: name}, {Op: "mul", Args: []int{1, 1}}, {Op: "add", Args: []int{0, 2}},
	}}
}

// Lowered for XLA, the loss and its gradient are the same, whatever the loss reads.
func TestLoweredLoss(t *testing.T) {
	losses := map[string]formula.Formula{
		"cross_entropy": {}, "with log_z": withSquare("log_z"), "with mean_logit": withSquare("mean_logit"),
		"log_z": {Nodes: []formula.Node{{Op: "name", Name: "log_z"}}}, "mean_logit": {Nodes: []formula.Node{{Op: "name", Name: "mean_logit"}}},
	}
	for name, m := range smallModels() {
		for loss, f := range losses {
			for precision, tolerance := range map[string]float64{"fp32": 1e-3, "bf16": 2e-2} { // some gradients are small differences
				for _, chunk := range []int{0, 5} {
					t.Run(fmt.Sprintf("%s %s %s %d", name, loss, precision, chunk), func(t *testing.T) {
						r := smallRecipe(m, &optimizer.SGD{}, 9, func(s *LM) { s.LossChunk, s.Precision, s.Loss = chunk, precision, f })
						agree(t, gradients(t, r.lower()), gradients(t, r), tolerance)
					})
				}
			}
		}
	}
}

// Scores may be so low that a score of 0, which padding has, is out of reach of the
// exponential.
func TestLoweredLossOfLowScores(t *testing.T) {
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	r := smallRecipe(smallModels()["llama"], &optimizer.SGD{}, 9, nil)
	const rows, width, vocabulary = 2, 16, 19
	run := func(of func(weight *Node, n int, vars ml.Vars, sloped bool) ofChunk) (values []float32) {
		p := ml.Program{
			Name: "loss", Inputs: []ml.Input{
				{Name: "x", Shape: []int{rows, width}, DType: dtypes.Float32}, {Name: "w", Shape: []int{vocabulary, width}, DType: dtypes.Float32},
				{Name: "t", Shape: []int{rows}, DType: dtypes.Int32},
			},
			Build: func(in []*Node) []*Node {
				loss, slopes := of(in[1], rows, ml.Vars{}.Multiplying(r.dot), true)(in[0], in[2])
				return append([]*Node{loss}, slopes...)
			},
		}
		e, err := ml.Compile(b, p)
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, vocabulary*width)
		for i := range weights {
			weights[i] = -11 + float32(i/width)/100
		}
		x, err1 := ml.NewBuffer(b, p.Inputs[0].Shape, slices.Repeat([]float32{1}, rows*width))
		w, err2 := ml.NewBuffer(b, p.Inputs[1].Shape, weights)
		targets, err3 := ml.NewBuffer(b, p.Inputs[2].Shape, []int32{1, 2})
		out, err4 := e.Run([]compute.Buffer{x, w, targets}, nil)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		for _, buf := range out {
			v, err := ml.Float32s(buf)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v...)
		}
		return values
	}
	want, got := run(r.recordedChunk), run(r.lower().loweredChunk)
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 1e-4) {
			t.Fatalf("value %d of the loss and its slopes is %v, want %v", i, got[i], want[i])
		}
	}
}

// No array of a program with chunks has a number for each row and each token
// of the vocabulary.
func TestChunkedLossNeverHoldsAllScores(t *testing.T) {
	for chunk, whole := range map[int]bool{0: true, 6: false} {
		r := smallRecipe(smallModels()["llama"], &optimizer.SGD{}, 9, func(s *LM) { s.LossChunk = chunk })
		for _, p := range []ml.Program{r.step(), r.evaluate()} {
			if got := holds(t, p, 18*19); got != whole {
				t.Errorf("%s in chunks of %d holds all scores: %v, want %v", p.Name, chunk, got, whole)
			}
		}
	}
}

// holds says whether a value of the program has that many elements.
func holds(t *testing.T, p ml.Program, size int) bool {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	build := p.Build
	p.Build = func(in []*Node) []*Node {
		out := build(in)
		for _, n := range out[0].Graph().Nodes() {
			found = found || n.NumOutputs() == 1 && n.Shape().Size() == size && n.DType() == dtypes.Float32
		}
		return out
	}
	if _, err := ml.Compile(b, p); err != nil {
		t.Fatal(err)
	}
	return found
}

// Fields that cannot be are named, with their limit.
func TestValidateNamesTheField(t *testing.T) {
	for want, change := range map[string]func(*LM){
		"loss_chunk is a number of tokens, or 0 for all of a micro-batch, not -1": func(s *LM) { s.LossChunk = -1 },
	} {
		spec := Kinds()[0].New().(*LM)
		spec.Steps, spec.Batch = 1, Batch{1, 1}
		spec.Schedule = &Schedule{Constant: &Constant{}}
		if err := spec.Validate().Err(); err != nil {
			t.Fatal(err)
		}
		change(spec)
		if err := spec.Validate().Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want %q", err, want)
		}
	}
}
