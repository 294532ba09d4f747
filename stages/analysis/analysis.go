// Package analysis holds the stages that answer: effects, interactions and
// their confidence intervals, from the table of trials.
//
// Everything is a linear contrast of cell means. The unit is the trial; trials
// of one replicate are paired by construction. Rendering prints the labels of
// levels, which is why an analysis, and only an analysis, runs again after a
// rename.
package analysis

import (
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// Kinds lists the stages of block analysis.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{
		{Block: "analysis", Type: "factorial", Version: 5, Role: pipeline.Analysis, Partial: "trials",
			Doc: "Cell means, gaps to a baseline, main effects and interactions of a factorial, each with a confidence interval.",
			New: func() pipeline.Stage {
				return &Factorial{At: finalStep, Replicate: "seed", Confidence: 0.95}
			}},
		{Block: "analysis", Type: "recovery", Version: 3, Role: pipeline.Analysis, Partial: "trials",
			Doc: "What share of a gap each other level of a factor wins back, with Fieller's interval.",
			New: func() pipeline.Stage {
				return &Recovery{At: finalStep, Replicate: "seed", Confidence: 0.95}
			}},
		{Block: "analysis", Type: "dose", Version: 3, Role: pipeline.Analysis, Partial: "trials",
			Doc: "A response against a level that is a number.",
			New: func() pipeline.Stage { return &Dose{At: finalStep, Replicate: "seed", Confidence: 0.95} }},
		{Block: "analysis", Type: "trajectory", Version: 3, Role: pipeline.Analysis, Partial: "trials",
			Doc: "A gap against the step, with a band that holds at all steps at once: when would a pilot have seen it?",
			New: func() pipeline.Stage { return &Trajectory{Replicate: "seed", Confidence: 0.95} }},
		{Block: "analysis", Type: "mechanism", Version: 3, Role: pipeline.Analysis, Partial: "trials",
			Doc: "What the probes saw inside the model, by cell, layer and step, averaged over replicates.",
			New: func() pipeline.Stage { return &Mechanism{Quantity: "saturated", Site: "ffn", Replicate: "seed"} }},
		{Block: "analysis", Type: "report", Version: 2, Role: pipeline.Analysis,
			Doc: "Several analyses on one page that stands alone: HTML without network or external script, and Markdown.",
			New: func() pipeline.Stage { return &Report{} }},
		{Block: "analysis", Type: "command", Version: 1, Role: pipeline.Analysis,
			Doc: "A program of your own, in any language, over the table of trials.",
			New: func() pipeline.Stage { return &Command{} }},
		{Block: "analysis", Type: "table", Version: 2, Role: pipeline.Analysis, Partial: "trials",
			Doc: "One row for each trial: its levels and its response.",
			New: func() pipeline.Stage { return &Table{At: finalStep} }},
	}
}

// finalStep is the default of where a response is read.
var finalStep = addr.Level{Kind: "string", Text: "final"}

// outputs are what every analysis makes, and its figures.
func outputs(figures ...string) []pipeline.Output {
	return append([]pipeline.Output{
		{Name: "csv", MediaType: "text/csv"},
		{Name: "html", MediaType: "text/html"},
		{Name: "markdown", MediaType: "text/markdown"},
		{Name: "result", MediaType: "application/json"},
		{Name: "table", MediaType: "text/plain"},
	}, figureOutputs(figures...)...)
}
