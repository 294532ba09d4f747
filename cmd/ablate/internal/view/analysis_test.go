package view_test

import (
	"bytes"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/view"
	"ablate/stages/answer"
)

// A brief rendering has findings and effects, and no section that only supports them; the
// full one has all. This holds with a terminal and without.
func TestBriefAnalysis(t *testing.T) {
	e := view.Analysis{
		Heading: "Norms", Findings: []answer.Finding{{Text: "Derf is worse.", Clear: true}},
		Tables: "### Cells\n\n| a | b |\n|---|---:|\n| x | 1 |\n\n### loss: Analysis of variance (one residual)\n\n| c | d |\n|---|---:|\n| y | 2 |\n\n### Sensitivity to single trials\n\ntext\n\n### Warnings\n\n- careful\n",
		Body:   "Cells\n\n  a   b\n  x   1\n\nloss: Analysis of variance (one residual)\n\n  c   d\n  y   2\n\nSensitivity to single trials\n\n  text\n\nWarnings\n\n  careful\n",
	}
	for _, columns := range []int{0, 60, 200} {
		for _, brief := range []bool{true, false} {
			e.Brief = brief
			var out bytes.Buffer
			view.New(view.Options{Stdout: &out, Stderr: &out, Columns: columns}).Show(e)
			at := -1
			for _, want := range []string{"Norms", "Derf is worse.", "Cells", "x   1", "Warnings", "careful"} {
				i := strings.Index(out.String(), want)
				if i <= at {
					t.Errorf("%d columns: no %q, or not in order:\n%s", columns, want, &out)
				}
				at = i
			}
			for _, detail := range []string{"Analysis of variance", "y   2", "Sensitivity", "text"} {
				if strings.Contains(out.String(), detail) == brief {
					t.Errorf("%d columns, brief = %v: %q in\n%s", columns, brief, detail, &out)
				}
			}
		}
	}
}

// What a program printed has no sections that could be left out.
func TestBriefAnalysisOfAProgram(t *testing.T) {
	var out bytes.Buffer
	view.New(view.Options{Stdout: &out, Stderr: &out}).Show(view.Analysis{Heading: "Mine", Brief: true, Body: "Sensitivity\n  of mine\n", Tables: "```\nSensitivity\n```\n"})
	if !strings.Contains(out.String(), "of mine") {
		t.Errorf("the output lacks what the program printed:\n%s", &out)
	}
}
