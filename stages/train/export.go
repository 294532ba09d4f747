package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/record"
)

// Export implements pipeline.Exporter. "safetensors" is the checkpoint itself, "hf" a
// folder that Llama of the transformers library loads.
func (t *LM) Export(_ context.Context, format string, x pipeline.Export) error {
	raw, err := weights(x)
	if err != nil {
		return err
	}
	switch format {
	case "safetensors":
		return put(x, "model.safetensors", func(w io.Writer) error { _, err := w.Write(raw); return err })
	case "hf":
		return t.exportHF(x, raw)
	}
	return fmt.Errorf("there is no format %q, only safetensors and hf", format)
}

// weights reads the checkpoint, or explains why there is none and how to get it.
func weights(x pipeline.Export) ([]byte, error) {
	if a, ok := x.Entry.Artifact(record.Checkpoint); ok {
		raw, err := x.Read(a.Digest)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the checkpoint is not in the store: it was collected, or left out when the entry was pulled. This computes it again:\n\n    ablate run --repeat '%s'", x.Address)
		}
		return raw, err
	}
	a, _ := x.Entry.Artifact(record.Metrics)
	metrics, err := x.Read(a.Digest)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(metrics, []byte(`"name":"diverged"`)) {
		return nil, errors.New("the trial diverged, so that it has no checkpoint")
	}
	return nil, fmt.Errorf("the trial ran with keep = \"none\". Set it to \"final\", retract what is cached, and run again:\n\n"+
		"    ablate cache disown '%s' --reason \"no checkpoint\"", x.Address)
}

func put(x pipeline.Export, name string, write func(io.Writer) error) error {
	w, err := x.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(w), w.Close())
}

func (t *LM) exportHF(x pipeline.Export, raw []byte) error {
	m, isLlama := x.Inputs.One("model").Stage.(*model.Llama)
	n, isRMS := x.Inputs.One("norm").Stage.(*norm.RMSNorm)
	switch {
	case !isLlama || !isRMS:
		return fmt.Errorf("a folder for transformers is written of Llama with RMSNorm only, not of %s with %s: leave --format out for safetensors",
			x.Inputs.One("model").Ref.Type, x.Inputs.One("norm").Ref.Type)
	case !m.Activation.IsZero():
		return errors.New("transformers' Llama has no activation of one's own: leave --format out for safetensors")
	case m.ResidualScale != nil:
		return errors.New("transformers' Llama has no residual_scale: leave --format out for safetensors")
	}
	tensors, err := ml.ReadSafetensors(raw)
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	vocabulary := x.Inputs.One("data").Stage.(Tokens).Vocabulary()
	config := m.HuggingFaceConfig(vocabulary, t.Batch.Length, n.Eps)
	err = put(x, "config.json", func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(config)
	})
	if err != nil {
		return err
	}
	return put(x, "model.safetensors", func(w io.Writer) error {
		return ml.WriteSafetensors(w, model.HuggingFaceMetadata(), m.HuggingFaceTensors(tensors))
	})
}
