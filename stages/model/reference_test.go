package model

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// scores are those of testdata/reference.py: an implementation in float64 that has
// nothing in common with this package.
type scores struct {
	Model     string
	Placement placement
	Extra     bool // norms of queries, keys and embeddings
	Tokens    []int32
	Logits    []float64
	TopScores [][]float64 `json:"top_scores"` // of each layer's heads
}

func TestReference(t *testing.T) {
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []scores
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 12 {
		t.Fatalf("reference.json has %d cases, want 12", len(all))
	}
	for _, k := range Kinds() {
		if !slices.ContainsFunc(all, func(s scores) bool { return s.Model == k.Type }) {
			t.Errorf("reference.json has no case of model %q", k.Type)
		}
	}
	for _, s := range all {
		t.Run(fmt.Sprintf("%s/%s/%t", s.Model, s.Placement, s.Extra), s.check)
	}
}

func (s scores) check(t *testing.T) {
	rms := &norm.RMSNorm{Eps: 1e-5}
	norms := norm.Everywhere(rms)
	if s.Extra {
		norms[norm.QK], norms[norm.Embedding] = rms, rms
	}
	for _, how := range []string{plain, inBlocks} {
		logits, tops := scoresOf(t, s.model(how), norms, 5, s.Tokens, nil, dtypes.Float32, referenceValues)
		nearly(t, how, logits, s.Logits)
		nearly(t, how+", largest scores of attention", tops, slices.Concat(s.TopScores...))
	}
}

func nearly(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 2e-5 {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func (s scores) model(attention string) Model {
	if s.Model == "gpt2" {
		m := newGPT2()
		m.Layers, m.Width, m.Heads, m.FFN, m.Positions, m.Placement, m.Attention = 2, 8, 2, 12, 16, s.Placement, attention
		return m
	}
	m := newLlama()
	m.Layers, m.Width, m.Heads, m.KVHeads, m.FFN, m.Placement, m.Attention = 2, 8, 2, 2, 12, s.Placement, attention
	return m
}

// referenceValues are the values that reference.py gives a parameter. Gains are around 1.
func referenceValues(p ml.Param) []float32 {
	seed := 0
	for _, c := range []byte(p.Path) {
		seed += int(c)
	}
	out := make([]float32, p.Size())
	for i := range out {
		out[i] = float32(p.Init.Value + float64((i*7919+seed*104729)%1000)/1000 - 0.5)
	}
	return out
}
