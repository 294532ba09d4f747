package train

import (
	"slices"
	"strings"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/record"
)

// Measures implements record.Measurer.
func (t *LM) Measures() []record.Measure {
	return []record.Measure{
		{Name: "grad_norm", Every: 1, Last: t.Steps},
		{Name: "train_loss", Every: 1, Last: t.Steps},
		{Name: "val_loss", Every: t.Evaluate.Every, Last: t.Steps},
		{Name: record.EvaluationTokens, Every: t.Steps, Last: t.Steps},
	}
}

// Probes reports whether the trial records probes.
func (t *LM) Probes() bool { return t.Probe.Every > 0 }

// Readings lists what probes record in the first layer, as far as it is known before the
// graph is built: by quantity, the sites. It is nil for a trial with a wrong model or norm.
func (t *LM) Readings(in pipeline.Inputs) map[string][]string {
	for _, refs := range in.Refs {
		if slices.ContainsFunc(refs, func(r pipeline.Input) bool { return r.Stage.Validate().HasErrors() }) {
			return nil
		}
	}
	m, ok := in.One("model").Stage.(model.Model)
	if !ok {
		return nil
	}
	return readingsOf(m, normsOf(in))
}

func readingsOf(m model.Model, norms norm.Norms) map[string][]string {
	out := make(map[string][]string)
	record := func(site string, quantities ...string) {
		for _, q := range quantities {
			out[q] = append(out[q], strings.TrimPrefix(site, "norm."))
		}
	}
	const anyVocabulary = 256
	for _, p := range m.Params(norms, anyVocabulary) {
		path, ok := strings.CutPrefix(p.Path, "layers.0.")
		if dot := strings.LastIndexByte(path, '.'); ok && dot > 0 && len(p.Shape) == 0 && p.Role != ml.RoleBuffer && tracked(norms.Of(p.Path), path[dot+1:]) {
			record(path[:dot], path[dot+1:], path[dot+1:]+"_gradient")
		}
		if ok && p.Role == ml.RoleMatrix {
			record(path, "frobenius", "spectral")
		}
	}
	for _, site := range norm.AllSites() {
		if norms[site] == nil || site == norm.Embedding || site == norm.Final {
			continue
		}
		places := []string{string(site)}
		if site == norm.QK {
			places = []string{"q", "k"}
		}
		for _, place := range places {
			record(place, "input_std", "input_rms")
			if _, none := norms[site].(*norm.None); !none {
				record(place, "output_variance")
			}
			if s, ok := norms[site].(norm.Saturating); ok {
				record(place, "argument_std")
				if s.Threshold() > 0 {
					record(place, "saturated")
				}
			}
		}
	}
	if !m.Traits().CuDNN { // its scores are not shown
		record(string(norm.Attention), "score_max")
	}
	return out
}
