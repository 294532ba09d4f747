package train

import "ablate/stages/record"

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
