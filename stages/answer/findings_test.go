package answer_test

import (
	"slices"
	"strings"
	"testing"

	"ablate/stages/answer"
)

// A design of one factor has no interaction: its gaps are what it finds.
func TestFindingsOfOneFactor(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	gap := func(level string, estimate, low, high float64) answer.Contrast {
		return answer.Contrast{Kind: "gap", Name: level + " − RMSNorm", Estimate: &estimate, Low: &low, High: &high, LowAdjusted: number(low - 0.1), HighAdjusted: number(high + 0.1),
			Detect: number(0.5), Terms: []answer.Term{{Factor: "norm", Level: level, Baseline: "RMSNorm"}}}
	}
	r := answer.Result{Response: "val_loss", At: "final", Factors: []answer.Factor{{Name: "norm"}}, Contrasts: []answer.Contrast{gap("DyT", 0.05, -0.2, 0.3), gap("Derf", 0.8, 0.6, 1)}}
	r.Contrasts = append(r.Contrasts, answer.Contrast{Kind: "equivalence", Name: "DyT − RMSNorm", Estimate: number(0), Verdict: answer.Undecided})
	got := answer.Findings(r)
	for i, want := range []answer.Finding{
		{Text: "The data do not show whether val_loss at the last step differs between RMSNorm and DyT: it changes by +0.05 (adjusted interval [−0.30, +0.40]); four of five studies of this size would find a change of 0.50.", Clear: false},
		{Text: "From RMSNorm to Derf, val_loss at the last step changes by +0.80 (adjusted interval [+0.50, +1.10]).", Clear: true},
		{Text: "DyT − RMSNorm: cannot tell (no interval).", Clear: false},
	} {
		if i >= len(got) || got[i] != want {
			t.Fatalf("Findings =\n%s\nwant at %d\n%s", strings.Join(answer.Sentences(got), "\n"), i, want.Text)
		}
	}
}

func TestFindingsOfARecovery(t *testing.T) {
	share, low, high := 0.5, 0.4, 0.6
	minus := func(v float64) *float64 { v = -v; return &v }
	got := answer.Recovery{Response: "val_loss", Lost: "Derf", Baseline: "RMSNorm", Confidence: 0.95, Contrasts: []answer.Contrast{
		{Name: "EMA", Estimate: &share, Low: &low, High: &high}, {Name: "none", Estimate: &share},
		{Name: "worse", Estimate: minus(share), Low: minus(high), High: minus(low)}, {Name: "open", Estimate: &share, Low: minus(low), High: &high},
	}}.Findings()
	want := []answer.Finding{
		{Text: "EMA wins back 50.0 % of the gap of Derf to RMSNorm in val_loss (95 % interval [40.0 %, 60.0 %]).", Clear: true},
		{Text: "worse widens the gap of Derf to RMSNorm in val_loss by 50.0 % (95 % interval [40.0 %, 60.0 %]).", Clear: true},
		{Text: "The data do not show whether open changes the gap of Derf to RMSNorm in val_loss: the share that it wins back is 50.0 % (95 % interval [−40.0 %, 60.0 %]).", Clear: false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Findings = %+v, want %+v", got, want)
	}
}
