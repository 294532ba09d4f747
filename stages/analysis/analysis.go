// Package analysis holds the stages that answer a study's question: effects,
// interactions and their confidence intervals, from the trials or from a table
// of finished runs.
//
// Every estimate is a contrast of cell means. The unit is the trial, and trials
// of one replicate are paired by construction. A stage of this package reads
// trials into a table; internal/design sorts them into cells, internal/estimate
// computes, and internal/render writes the document for people. Labels of levels
// are printed, so an analysis runs again after a rename; nothing else does.
package analysis

import (
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// Kinds lists the stages of block analysis.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{
		{Block: "analysis", Type: "factorial", Version: 11, Role: pipeline.Analysis, Partial: "trials",
			Doc: "Cell means, gaps to a baseline, main effects and interactions of a factorial, each with a confidence interval.",
			New: func() pipeline.Stage { return newFactorial() }},
		{Block: "analysis", Type: "recovery", Version: 7, Role: pipeline.Analysis, Partial: "trials",
			Doc: "The share of a gap that each other level of a factor wins back, with Fieller's interval.",
			New: func() pipeline.Stage {
				return &Recovery{At: finalStep, Replicate: "seed", Confidence: 0.95}
			}},
		{Block: "analysis", Type: "dose", Version: 8, Role: pipeline.Analysis, Partial: "trials",
			Doc: "A response against a factor whose levels are numbers.",
			New: func() pipeline.Stage { return &Dose{At: finalStep, Replicate: "seed", Confidence: 0.95} }},
		{Block: "analysis", Type: "trajectory", Version: 7, Role: pipeline.Analysis, Partial: "trials",
			Doc: "A gap by step, with a band that holds at all steps at once: from which step on would a pilot have shown it?",
			New: func() pipeline.Stage { return &Trajectory{Replicate: "seed", Confidence: 0.95} }},
		{Block: "analysis", Type: "mechanism", Version: 6, Role: pipeline.Analysis, Partial: "trials",
			Doc: "What the probes recorded inside the model, by cell, layer and step, averaged over replicates.",
			New: func() pipeline.Stage { return &Mechanism{Quantity: "saturated", Site: "ffn", Replicate: "seed"} }},
		{Block: "analysis", Type: "report", Version: 8, Role: pipeline.Analysis, Partial: "analyses",
			Doc: "Several analyses on one page, as HTML that needs neither network nor scripts, and as Markdown.",
			New: func() pipeline.Stage { return &Report{} }},
		{Block: "analysis", Type: "command", Version: 3, Role: pipeline.Analysis,
			Doc: "A program of your own, in any language, that reads the table of trials.",
			New: func() pipeline.Stage { return &Command{} }},
		{Block: "analysis", Type: "table", Version: 6, Role: pipeline.Analysis, Partial: "trials",
			Doc: "One row for each trial: its levels and its response.",
			New: func() pipeline.Stage { return &Table{At: finalStep} }},
	}
}

// finalStep is the default place where a response is read.
var finalStep = addr.Level{Kind: "string", Text: "final"}

// outputs are those of every analysis. Figures are drawn from the result where they
// are shown.
func outputs() []pipeline.Output {
	return []pipeline.Output{
		{Name: "csv", MediaType: "text/csv"},
		{Name: "html", MediaType: "text/html"},
		{Name: "markdown", MediaType: "text/markdown"},
		{Name: "result", MediaType: "application/json"},
		{Name: "table", MediaType: "text/plain"},
	}
}
