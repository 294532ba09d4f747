package render

import (
	"strings"

	"ablate/stages/answer"
)

// Methods is the last section of every report.
const Methods = "Every estimate is a linear combination of cell means. A gap is a level compared with its factor's baseline; a main effect is the gap averaged over all combinations of the other factors with equal weights; an interaction is the difference of two gaps. Unless an analysis says otherwise, the error of a contrast comes from the contrast of each replicate alone (paired t), or from Welch's t where replicates are not paired. Adjusted intervals hold for all contrasts of one kind in an analysis at once (Bonferroni); p (Holm) is adjusted in the same family. Sentences state an effect only where its adjusted interval excludes 0."

// ReportMarkdown is a report as text, with the Markdown of its analyses in order.
func ReportMarkdown(r answer.Report, bodies []string) string {
	var b strings.Builder
	b.WriteString("# " + r.Title + "\n\n")
	if r.Text != "" {
		b.WriteString(r.Text + "\n\n")
	}
	for i, c := range r.Chapters {
		b.WriteString("## " + c.Label + "\n\n")
		for _, s := range c.Sentences {
			b.WriteString(s + "\n\n")
		}
		b.WriteString(bodies[i] + "\n`" + c.Address + "`, " + c.Result + "\n\n")
	}
	b.WriteString("## Methods\n\n" + r.Methods + "\n")
	return b.String()
}
