package model

import (
	"slices"
	"strings"
	"testing"

	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// Every weight has a place in transformers' Llama, and so has a multiplier of
// the embeddings, whether the output projection is the embedding or not.
func TestHuggingFace(t *testing.T) {
	for _, tt := range []struct {
		tied, scaled bool
		embedding    float32 // of weights that are 1, with a multiplier of 3
		head         string  // the tensor that the output projection comes from
	}{
		{true, false, 1, "embedding"}, {false, false, 1, "head"},
		{true, true, 3, "embedding"}, {false, true, 3, "head"},
	} {
		m := &Llama{Layers: 2, Width: 8, Heads: 4, KVHeads: 2, Tied: tt.tied, EmbedScale: tt.scaled}
		m.Resolve()
		var tensors []ml.Tensor
		for i, p := range m.Params(norm.Everywhere(&norm.RMSNorm{}), 16) {
			value := float32(10 + i)
			switch p.Path {
			case "embedding":
				value = 1
			case "embedding_scale":
				value = 3
			}
			tensors = append(tensors, ml.Tensor{Name: p.Path, Shape: p.Shape, F32: []float32{value}})
		}
		find := func(in []ml.Tensor, name string) float32 {
			i := slices.IndexFunc(in, func(x ml.Tensor) bool { return x.Name == name })
			if i < 0 {
				return 0
			}
			return in[i].F32[0]
		}
		out := m.HuggingFaceTensors(tensors)
		if got := find(out, "model.embed_tokens.weight"); got != tt.embedding {
			t.Errorf("%+v: the embedding's weights are %v", tt, got)
		}
		shared, from := m.HuggingFaceConfig(16, 32, 1e-5)["tie_word_embeddings"].(bool), "lm_head.weight"
		tensorsThere := 2 + 2*9 + 1
		if shared {
			from = "model.embed_tokens.weight"
			tensorsThere--
		}
		if got, want := find(out, from), find(tensors, tt.head); got != want {
			t.Errorf("%+v: the output projection is %v, want %v", tt, got, want)
		}
		if len(out) != tensorsThere {
			t.Errorf("%+v: %d tensors, want %d", tt, len(out), tensorsThere)
		}
		for _, x := range out {
			if !strings.HasSuffix(x.Name, ".weight") {
				t.Errorf("%+v: transformers has no %s", tt, x.Name)
			}
		}
	}
}
