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
	"ablate/pipeline/process"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/record"
)

// Export implements pipeline.Exporter. "safetensors" is the checkpoint itself, "hf" a
// folder that Llama of the transformers library loads.
func (t *LM) Export(_ context.Context, format string, x pipeline.Export) error {
	raw, err := t.weights(x)
	if err != nil {
		return err
	}
	switch format {
	case "", "safetensors":
		return t.exportWeights(x, raw)
	case "hf":
		return t.exportHF(x, raw)
	}
	return fmt.Errorf("there is no format %q, only safetensors and hf", format)
}

// weights reads the checkpoint, or explains why there is none and how to get it.
func (t *LM) weights(x pipeline.Export) ([]byte, error) {
	if a, ok := x.Entry.Artifact(record.Checkpoint); ok {
		raw, err := x.Read(a.Digest)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, notStored(x, "the checkpoint")
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
	again := fmt.Sprintf("retract the result and compute it again; its cached states shorten that:\n\n"+
		"    ablate cache disown %[1]s --reason \"no checkpoint\"\n    ablate run --target %[1]s", process.ShellQuote(x.Address.String()))
	if t.Checkpoint.Keep == "none" {
		return nil, errors.New("the trial has keep = \"none\". Set it to \"final\" in the block checkpoint, " + again)
	}
	return nil, errors.New("the cached result has no checkpoint, since keep was \"none\" when it was computed: " + again)
}

// Export implements pipeline.Exporter: the declared outputs, as the program made them.
func (c *Command) Export(_ context.Context, format string, x pipeline.Export) error {
	if format != "" {
		return errors.New("the files that a program made are written as they are: leave --format out")
	}
	if len(c.Outputs) == 0 {
		return fmt.Errorf("%s keeps no files, since its outputs are empty. List the files to keep in outputs, and let the program write them into the folder that ABLATE_OUTPUTS names", x.Address.Stage)
	}
	for _, name := range c.Outputs {
		a, _ := x.Entry.Artifact(name)
		r, err := x.Open(a.Digest)
		if errors.Is(err, fs.ErrNotExist) {
			return notStored(x, name)
		}
		if err != nil {
			return err
		}
		err = put(x, name, func(w io.Writer) error { _, err := io.Copy(w, r); return err })
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// notStored says how to get an artifact that an entry has and the store lacks.
func notStored(x pipeline.Export, what string) error {
	return fmt.Errorf("%[1]s is not in the store: it was collected, or left out when the entry was pulled. Fetch it if the remote has it:\n\n    ablate cache pull --target %[2]s\n\nOtherwise compute it again:\n\n    ablate run --repeat %[2]s", what, process.ShellQuote(x.Address.String()))
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
	eps, wrong := epsilonForHF(x.Inputs)
	switch {
	case declaredInModel(x.Inputs):
		return errors.New("a folder for transformers holds the models that transformers computes, and not the formulas of a study. " + weightsOnly + ", with the formulas in their metadata")
	case !isLlama:
		return fmt.Errorf("a folder for transformers is written of Llama only, not of %s. "+weightsOnly, x.Inputs.One("model").Address.Stage.Type)
	case !m.Placement.IsZero():
		return fmt.Errorf("transformers' Llama has its norms before each sublayer, not placement = %q. "+weightsOnly, m.Placement)
	case wrong != nil:
		return wrong
	case m.ResidualScale != nil:
		return errors.New("transformers' Llama has no residual_scale. " + weightsOnly)
	}
	tensors, err := ml.ReadSafetensors(raw)
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	vocabulary := x.Inputs.One("data").Stage.(Tokens).Vocabulary()
	config := m.HuggingFaceConfig(vocabulary, t.Batch.Length, eps)
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

// declaredInModel reports whether the model, or one of its norms, is a formula.
func declaredInModel(in pipeline.Inputs) bool {
	if len(spec.Formulas(in.One("model").Stage)) > 0 {
		return true
	}
	for _, site := range sitesOf(in) {
		if one, ok := normAt(in, site); ok && len(spec.Formulas(one.Stage)) > 0 {
			return true
		}
	}
	return false
}

// epsilonForHF is the ε of the norms, which must be RMSNorms with one ε at the sites
// that transformers' Llama has.
func epsilonForHF(in pipeline.Inputs) (float64, error) {
	eps := 0.0
	for _, site := range sitesOf(in) {
		one, ok := normAt(in, site)
		if !ok {
			continue
		}
		n, isRMS := one.Stage.(*norm.RMSNorm)
		switch {
		case site.Optional():
			return 0, fmt.Errorf("transformers' Llama has no norm at the site %s. "+weightsOnly, site)
		case !isRMS:
			return 0, fmt.Errorf("a folder for transformers is written of Llama with RMSNorm only, and the site %s has %s. "+weightsOnly, site, one.Address)
		case eps != 0 && n.Eps != eps:
			return 0, errors.New("transformers' Llama has one eps for all norms, and those of this trial differ. " + weightsOnly)
		}
		eps = n.Eps
	}
	return eps, nil
}
