package train

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

func smallMuon(limit float64) *optimizer.Muon {
	return &optimizer.Muon{LearningRate: 0.02, Momentum: 0.95, MomentumForm: "heavy_ball", Nesterov: true, Iterations: 5,
		Coefficients: "quintic", Precision: "fp32", Scale: "moonlight", SplitQKV: true, QKClip: limit, AdamW: smallAdamW()}
}

// A step with QK-clip is the step without it, after which the rows of queries and keys
// of heads with large scores are multiplied by √(τ/S).
func TestQKClip(t *testing.T) {
	for name, m := range smallModels() {
		for _, again := range []bool{false, true} {
			change := func(s *LM) { s.Checkpointing = again }
			free := smallRecipe(m, smallMuon(0), 9, change)
			tops := topScores(t, free)
			limit := (slices.Min(slices.Concat(tops...)) + slices.Max(slices.Concat(tops...))) / 2 // some heads are above it
			_, want := trained(t, free, 1)
			_, got := trained(t, smallRecipe(m, smallMuon(limit), 9, change), 1)
			clipped := 0
			for i, p := range free.params {
				factors := rowFactors(m, p, tops, limit)
				columns := len(want[i]) / len(factors)
				for j, w := range want[i] {
					f := factors[j/columns]
					if f < 1 {
						clipped++
					}
					if math.Abs(float64(got[i][j])-f*float64(w)) > 1e-6 {
						t.Fatalf("%s, again %v: %s[%d] = %v, want %v · %v", name, again, p.Path, j, got[i][j], f, w)
					}
				}
			}
			if clipped == 0 {
				t.Errorf("%s: no row was clipped", name)
			}
		}
	}
}

// rowFactors are the factors of a parameter's rows, by the report's formula.
func rowFactors(m model.Model, p ml.Param, tops [][]float64, limit float64) []float64 {
	out := slices.Repeat([]float64{1}, max(1, append(p.Shape, 1)[0]))
	layer, head := int(strings.TrimPrefix(p.Path, "layers.")[0]-'0'), 0
	keyHeads := 2 // of all small models
	d := 16 / m.Traits().Heads
	for row := range out {
		switch name := p.Path[strings.LastIndexByte(p.Path, '.')+1:]; {
		case name == "q":
			head = row / d / (m.Traits().Heads / keyHeads)
		case name == "k":
			head = row / d
		case strings.HasPrefix(name, "qkv") && row < 32:
			head = row % 16 / d
		default:
			continue
		}
		group := len(tops[layer]) / keyHeads
		out[row] = math.Sqrt(min(1, limit/slices.Max(tops[layer][head*group:(head+1)*group])))
	}
	return out
}

// topScores are the largest scores of the first step's forward passes, by layer and
// head.
func topScores(t *testing.T, r *recipe) [][]float64 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	step := r.step()
	params := len(r.params)
	step.Inputs, step.InPlace = append(step.Inputs[:params:params], step.Inputs[params+len(r.states)+2:]...), 0
	step.Build = func(in []*graph.Node) []*graph.Node {
		var noise *graph.Node
		if r.noisy() {
			noise = in[params+1]
		}
		seen := make(taps)
		r.meanLoss(in[params], noise, r.vars(in[:params]).Watched(seen.add))
		var out []*graph.Node
		for _, layer := range []string{"layers.0.attention", "layers.1.attention"} {
			out = append(out, seen[layer+model.TopScores]...)
		}
		return out
	}
	e, err := ml.Compile(b, step)
	if err != nil {
		t.Fatal(err)
	}
	args := started(t, r).state[:params:params]
	tokens, err := ml.NewBuffer(b, []int{2, 2, 10}, smallTokens(r))
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, tokens)
	if r.noisy() {
		noise, err := ml.NewBuffer(b, []int{2, 2}, []uint32{1, 2, 3, 0})
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, noise)
	}
	out, err := e.Run(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	tops := make([][]float64, 2)
	for i, buffer := range out { // two micro-batches of each layer
		values, err := take(buffer)
		if err != nil {
			t.Fatal(err)
		}
		layer := i / 2
		if tops[layer] == nil {
			tops[layer] = slices.Repeat([]float64{math.Inf(-1)}, len(values))
		}
		for h, v := range values {
			tops[layer][h] = max(tops[layer][h], float64(v))
		}
	}
	return tops
}

// QK-clip needs the scores, which cuDNN does not show, and does not bound those of queries
// and keys that are normalized.
func TestCheckClip(t *testing.T) {
	in := exampleInputs()
	in.Refs["optimizer"][0].Stage = smallMuon(100)
	spec := &LM{Backend: "xla:cuda", Precision: "bf16"}
	if list := spec.Check(in); len(list) > 0 {
		t.Errorf("plain attention: %v", list)
	}
	whole := in.Refs["norm"][0]
	delete(in.Refs, "norm")
	for _, site := range []norm.Site{norm.Attention, norm.FFN, norm.Final, norm.QK} {
		in.Refs["norm."+string(site)] = append(in.Refs["norm."+string(site)], whole)
	}
	if list := spec.Check(in); len(list) != 1 || list.HasErrors() || list[0].Summary != "Scores not bounded" {
		t.Errorf("normalized queries and keys: %v", list)
	}
	in.Refs["model"][0].Stage = &model.Llama{Layers: 1, Width: 64, Heads: 4, Attention: "cudnn"}
	if list := spec.Check(in); !list.HasErrors() {
		t.Error("cuDNN: no error")
	}
}
