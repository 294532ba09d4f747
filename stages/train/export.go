package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"ablate/hcl/spec"
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
		return t.exportWeights(x, raw)
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

// exportWeights writes the checkpoint. Formulas travel in its metadata. The checkpoint
// in the store has none, since its bytes follow from the key, which does not depend on
// how a formula is written.
func (t *LM) exportWeights(x pipeline.Export, raw []byte) error {
	about := make(map[string]string)
	t.describeFormulas(x.Inputs, about)
	if len(about) == 0 {
		return put(x, "model.safetensors", func(w io.Writer) error { _, err := w.Write(raw); return err })
	}
	tensors, err := ml.ReadSafetensors(raw)
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	return put(x, "model.safetensors", func(w io.Writer) error { return ml.WriteSafetensors(w, about, tensors) })
}

// describeFormulas adds the formulas of a trial to metadata.
func (t *LM) describeFormulas(in pipeline.Inputs, about map[string]string) {
	for place, text := range t.formulas(in) {
		about["formula."+place] = text
	}
}

// weightsOnly ends the refusals of what a folder for transformers cannot hold.
const weightsOnly = "Leave --format out to export the weights as safetensors"

func (t *LM) exportHF(x pipeline.Export, raw []byte) error {
	m, isLlama := x.Inputs.One("model").Stage.(*model.Llama)
	n, isRMS := x.Inputs.One("norm").Stage.(*norm.RMSNorm)
	switch {
	case len(spec.Formulas(x.Inputs.One("norm").Stage)) > 0 || len(spec.Formulas(x.Inputs.One("model").Stage)) > 0:
		return errors.New("a folder for transformers holds the models that transformers computes, and not the formulas of a study. " + weightsOnly + ", with the formulas in their metadata")
	case !isLlama || !isRMS:
		return fmt.Errorf("a folder for transformers is written of Llama with RMSNorm only, not of %s with %s. "+weightsOnly,
			x.Inputs.One("model").Ref.Type, x.Inputs.One("norm").Ref.Type)
	case m.ResidualScale != nil:
		return errors.New("transformers' Llama has no residual_scale. " + weightsOnly)
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
	about := model.HuggingFaceMetadata()
	t.describeFormulas(x.Inputs, about)
	return put(x, "model.safetensors", func(w io.Writer) error {
		return ml.WriteSafetensors(w, about, m.HuggingFaceTensors(tensors))
	})
}
