package model

import (
	"regexp"
	"slices"

	"ablate/stages/internal/ml"
)

// HuggingFaceMetadata is what the header of a file of weights must say for
// transformers to load it: many of its versions fail without.
func HuggingFaceMetadata() map[string]string { return map[string]string{"format": "pt"} }

// HuggingFaceConfig is config.json for transformers' LlamaForCausalLM. It
// says that no token begins or ends a text, where the class would assume 1 and 2.
func (m *Llama) HuggingFaceConfig(vocabulary, length int, eps float64) map[string]any {
	return map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "torch_dtype": "float32",
		"hidden_size": m.Width, "intermediate_size": m.FFN, "num_hidden_layers": m.Layers,
		"num_attention_heads": m.Heads, "num_key_value_heads": m.KVHeads, "head_dim": m.Width / m.Heads,
		"vocab_size": vocabulary, "max_position_embeddings": length, "rms_norm_eps": eps, "rope_theta": m.RopeTheta,
		"hidden_act": "silu", "attention_bias": false, "mlp_bias": false, "attention_dropout": m.Dropout,
		"bos_token_id": nil, "eos_token_id": nil,
		"tie_word_embeddings": m.Tied && !m.EmbedScale,
	}
}

// The names of transformers' Llama for ours.
var huggingFaceNames = []struct {
	ours   *regexp.Regexp
	theirs string
}{
	{regexp.MustCompile(`^embedding$`), "model.embed_tokens.weight"},
	{regexp.MustCompile(`^head$`), "lm_head.weight"},
	{regexp.MustCompile(`^norm\.final\.gamma$`), "model.norm.weight"},
	{regexp.MustCompile(`^layers\.(\d+)\.norm\.attention\.gamma$`), "model.layers.$1.input_layernorm.weight"},
	{regexp.MustCompile(`^layers\.(\d+)\.norm\.ffn\.gamma$`), "model.layers.$1.post_attention_layernorm.weight"},
	{regexp.MustCompile(`^layers\.(\d+)\.attention\.([qkvo])$`), "model.layers.$1.self_attn.${2}_proj.weight"},
	{regexp.MustCompile(`^layers\.(\d+)\.ffn\.(gate|up|down)$`), "model.layers.$1.mlp.${2}_proj.weight"},
}

// HuggingFaceTensors renames a checkpoint for transformers' Llama. Weights are
// [out, in] and heads rotate by halves there too, so nothing else changes; but a
// multiplier of the embeddings has no place there, and is multiplied in, the
// output projection then being a tensor of its own.
func (m *Llama) HuggingFaceTensors(tensors []ml.Tensor) []ml.Tensor {
	scale := float32(1)
	for _, t := range tensors {
		if t.Name == "embedding_scale" {
			scale = t.F32[0]
		}
	}
	var out []ml.Tensor
	for _, t := range tensors {
		if t.Name == "embedding" && m.EmbedScale {
			if m.Tied {
				out = append(out, ml.Tensor{Name: "lm_head.weight", Shape: t.Shape, F32: t.F32})
			}
			t.F32 = slices.Clone(t.F32)
			for i := range t.F32 {
				t.F32[i] *= scale
			}
		}
		for _, n := range huggingFaceNames {
			if n.ours.MatchString(t.Name) {
				t.Name = n.ours.ReplaceAllString(t.Name, n.theirs)
				out = append(out, t)
				break
			}
		}
	}
	return out
}
