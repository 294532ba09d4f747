package train

import (
	"fmt"
	"testing"

	"ablate/cache"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// counting is a corpus whose i-th token tells i, modulo 65536.
func counting(n int) corpus {
	raw := make([]byte, 2*n)
	for i := range n {
		raw[2*i], raw[2*i+1] = byte(i), byte(i>>8)
	}
	return corpus{raw, 2}
}

func TestAnEpochVisitsEveryWindowOnce(t *testing.T) {
	const length, sequences = 7, 3
	for _, tokens := range []int{length + 1, 2*length - 1, 2 * length, 24, 100, 1000} {
		c := counting(tokens)
		perEpoch := windows(tokens, length)
		order := ml.NewStream(0, "order", "1")
		seen := make(map[int]int)
		batch := make([]int32, sequences*(length+1))
		for n := range (2*perEpoch + sequences - 1) / sequences {
			trainBatch(batch, c, order, length, n)
			for j := range sequences {
				q := n*sequences + j
				start := int(batch[j*(length+1)])
				for k := range length + 1 {
					if got := int(batch[j*(length+1)+k]); got != start+k {
						t.Fatalf("%d tokens: sequence %d is not a window", tokens, q)
					}
				}
				if q < perEpoch {
					seen[start]++
				}
			}
		}
		if len(seen) != perEpoch {
			t.Errorf("%d tokens: an epoch of %d windows has %d different ones", tokens, perEpoch, len(seen))
		}
	}
}

func TestEvaluationIsTheSameForEveryReplicate(t *testing.T) {
	c := counting(2000)
	draw := ml.NewStream(0, "evaluation")
	a := evaluationBatches(c, draw, Batch{4, 16}, 3)
	b := evaluationBatches(c, draw, Batch{4, 16}, 3)
	if fmt.Sprint(a) != fmt.Sprint(b) || len(a) != 3 {
		t.Errorf("two draws differ, or there are %d batches", len(a))
	}
	seen := make(map[int32]bool)
	for _, batch := range a {
		for j := range 4 {
			if start := batch[j*17]; seen[start] {
				t.Errorf("the window at %d is drawn twice", start)
			} else {
				seen[start] = true
			}
		}
	}
	if short := evaluationBatches(counting(100), draw, Batch{4, 16}, 50); len(short) != 1 {
		t.Errorf("100 tokens give %d batches, want 1", len(short))
	}
}

// Trials of one replicate start alike, whatever their levels: what two models
// share is drawn from streams that see no level.
func TestPairedByConstruction(t *testing.T) {
	m := &model.Llama{Layers: 2, Width: 8, Heads: 2, KVHeads: 2, FFN: 16, Tied: true, InitStd: 0.02, RopeTheta: 10000}
	adamw := &optimizer.AdamW{}
	start := func(n norm.Norm, o optimizer.Optimizer, seed string) map[string][]float32 {
		r := newRecipe(m, norm.Everywhere(n), o, 16, &LM{Batch: Batch{1, 4}, Accumulate: 1})
		out := make(map[string][]float32)
		for i, v := range initialise(r.params, ml.NewStream(0, "init", seed)) {
			out[r.params[i].Path] = v
		}
		return out
	}
	a := start(&norm.RMSNorm{Eps: 1}, adamw, "1")
	b := start(&norm.Derf{Alpha: norm.Sites{Attention: 1, FFN: 1, Final: 1}, Bias: true}, &optimizer.Muon{AdamW: adamw}, "1")
	other := start(&norm.RMSNorm{Eps: 1}, adamw, "2")
	shared := 0
	for path, v := range a {
		if w, ok := b[path]; ok {
			shared++
			if fmt.Sprint(v) != fmt.Sprint(w) {
				t.Errorf("%s starts differently under another norm and optimizer", path)
			}
		}
	}
	if shared < 15 {
		t.Errorf("only %d parameters are shared", shared)
	}
	if fmt.Sprint(a["embedding"]) == fmt.Sprint(other["embedding"]) {
		t.Error("another replicate starts alike")
	}
}

// Which text a trial sees, and in which order, is code outside of the graph: a
// change of these digests needs a bump of the version of train "lm".
func TestOrderGoldens(t *testing.T) {
	c := counting(3000)
	var seen []byte
	batch := make([]int32, 4*17)
	for n := range 60 { // more than an epoch
		trainBatch(batch, c, ml.NewStream(0, "order", "42"), 16, n)
		seen = fmt.Append(seen, batch)
	}
	for _, tt := range []struct {
		name, got, want string
	}{
		{"training", cache.DigestOf(seen).String(), "sha256:4c5582c03d09c65dcb5751b36cab776216a012d2c314cd32ada828fe43e86c27"},
		{"evaluation", cache.DigestOf(fmt.Append(nil, evaluationBatches(c, ml.NewStream(0, "evaluation"), Batch{4, 16}, 5))).String(), "sha256:b6bf37b37f53b824d786489a856e2ad93dd585a44be93878c52ea81fbcfdcb35"},
	} {
		if tt.got != tt.want {
			t.Errorf("the text of the %s has the digest %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}
