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
			Detect: number(0.3), DetectAdjusted: number(0.5), Terms: []answer.Term{{Factor: "norm", Level: level, Baseline: "RMSNorm"}}}
	}
	r := answer.Result{Response: "val_loss", At: "final", Factors: []answer.Factor{{Name: "norm"}}, Contrasts: []answer.Contrast{gap("DyT", 0.05, -0.2, 0.3), gap("Derf", 0.8, 0.6, 1)}}
	r.Contrasts = append(r.Contrasts, answer.Contrast{Kind: "equivalence", Name: "DyT − RMSNorm", Estimate: number(0), Verdict: answer.Undecided})
	got := answer.Findings(r)
	for i, want := range []answer.Finding{
		{Text: "The data do not show whether val_loss at the last step differs between RMSNorm and DyT: it changes by +0.05 (adjusted interval [−0.30, +0.40]); four of five studies of this size would find a change of 0.50.", Clear: false},
		{Text: "When norm goes from RMSNorm to Derf, val_loss at the last step changes by +0.80 (adjusted interval [+0.50, +1.10]).", Clear: true},
		{Text: "DyT − RMSNorm in val_loss at the last step: cannot tell (no interval).", Clear: false},
	} {
		if i >= len(got) || got[i] != want {
			t.Fatalf("Findings =\n%s\nwant at %d\n%s", strings.Join(answer.Sentences(got), "\n"), i, want.Text)
		}
	}
}

// What is the same in every replicate is found. A change that is the same in every replicate
// may come from rounding, and has no interval: no finding claims it.
func TestFindingsWithoutVariation(t *testing.T) {
	none, some := 0.0, 0.1
	terms := []answer.Term{{Factor: "a", Level: "x", Baseline: "y"}, {Factor: "b", Level: "p", Baseline: "q"}}
	for _, kind := range []string{"gap", "interaction"} {
		r := answer.Result{Response: "loss", Factors: []answer.Factor{{Name: "a"}}}
		if kind == "interaction" {
			r.Factors = append(r.Factors, answer.Factor{Name: "b"})
		}
		for _, estimate := range []*float64{&none, &some} {
			r.Contrasts = append(r.Contrasts, answer.Contrast{Kind: kind, Estimate: estimate, Constant: true, Terms: terms[:len(r.Factors)]})
		}
		if got := answer.Findings(r); len(got) != 2 || !got[0].Clear || got[1].Clear {
			t.Errorf("%s: %+v, want one that is clear and one that is not", kind, got)
		}
	}
}

// An average is over the factors of which several levels remain.
func TestFindingsOverAPart(t *testing.T) {
	v := 0.1
	r := answer.Result{Response: "loss", Factors: []answer.Factor{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}, Contrasts: []answer.Contrast{{
		Kind: "interaction", Estimate: &v, Terms: []answer.Term{{Factor: "a", Level: "x", Baseline: "y"}, {Factor: "b", Level: "p", Baseline: "q"}},
		Over: map[string][]string{"a": {"y", "x"}, "c": {"c1"}},
	}}}
	want := "averaged over d (over a = y, x; at c = c1);"
	if got := answer.Findings(r); len(got) != 1 || !strings.Contains(got[0].Text, want) {
		t.Errorf("%+v, want %q", got, want)
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

// Levels that are numbers are those of a factor: 1 and 0 can be levels of several.
func TestFindingsOfNumbers(t *testing.T) {
	change, low, high := 0.5, -0.25, 1.25
	r := answer.Result{Response: "loss", Factors: []answer.Factor{{Name: "a"}, {Name: "b"}}, Contrasts: []answer.Contrast{{
		Kind: "interaction", Estimate: &change, Low: &low, High: &high, LowAdjusted: &low, HighAdjusted: &high,
		Terms: []answer.Term{{Factor: "a", Level: "1", Baseline: "0"}, {Factor: "b", Level: "1", Baseline: "0"}},
	}}}
	got := answer.Findings(r)
	share := answer.Recovery{Response: "loss", Factor: "a", Lost: "2", Baseline: "1", Confidence: 0.95, Contrasts: []answer.Contrast{{Name: "3", Estimate: &change, Low: &change, High: &high}}}
	got = append(got, share.Findings()...)
	for i, want := range []string{
		"The data do not show whether the difference in loss between a = 1 and a = 0 depends on b: from 0 to 1 it changes by +0.50 (adjusted interval [−0.25, +1.25]).",
		"a = 3 wins back 50.0 % of the gap of a = 2 to a = 1 in loss (95 % interval [50.0 %, 125.0 %]).",
	} {
		if got[i].Text != want {
			t.Errorf("got %s, want %s", got[i].Text, want)
		}
	}
}

func TestFindingsOfATrajectory(t *testing.T) {
	point := func(step int, gap, half float64) answer.TrajectoryPoint {
		low, high := gap-half, gap+half
		return answer.TrajectoryPoint{Step: step, Gap: gap, Low: &low, High: &high}
	}
	line := func(level string, seen int, points ...answer.TrajectoryPoint) answer.TrajectoryLine {
		l := answer.TrajectoryLine{Level: level, Points: points}
		if seen > 0 {
			l.Seen = &seen
		}
		return l
	}
	got := answer.Trajectory{Response: "val_loss", Factor: "norm", Baseline: "RMSNorm", Confidence: 0.95, Levels: []answer.TrajectoryLine{
		line("Derf", 20, point(10, 0.1, 0.2), point(20, 0.3, 0.1), point(30, 0.4, 0.1)),
		line("DyT", 30, point(10, 0.1, 0.2), point(20, 0.1, 0.2), point(30, 0.4, 0.1)),
		line("early", 0, point(10, 0.5, 0.2), point(20, 0.1, 0.2), point(30, 0.1, 0.2)),
		line("open", 0, point(10, 0.1, 0.2), point(20, 0.1, 0.2), point(30, -0.1, 0.2)),
		line("once", 0, point(30, -0.1, 0.2)),
		line("bandless", 0, answer.TrajectoryPoint{Step: 30, Gap: 0.2}),
		line("crossing", 30, point(10, -0.5, 0.2), point(20, -0.1, 0.2), point(30, 0.5, 0.2)),
		line("fixed", 0, answer.TrajectoryPoint{Step: 30, Gap: 2, Constant: true}),
	}}.Findings()
	want := []answer.Finding{
		{Text: "val_loss differs between Derf and RMSNorm at every compared step from 20 on: at step 30, the gap (Derf − RMSNorm) is +0.40 (95 % band over all compared steps [+0.30, +0.50]).", Clear: true},
		{Text: "val_loss differs between DyT and RMSNorm at the last step that is compared: at step 30, the gap (DyT − RMSNorm) is +0.40 (95 % band over all compared steps [+0.30, +0.50]).", Clear: true},
		{Text: "val_loss differs between early and RMSNorm at 1 of 3 compared steps: at step 10, the gap (early − RMSNorm) is +0.50 (95 % band over all compared steps [+0.30, +0.70]); at the last step, 30, the data do not show a difference.", Clear: true},
		{Text: "The data do not show whether val_loss differs between open and RMSNorm at any of 3 compared steps: at step 30, the gap (open − RMSNorm) is −0.10 (95 % band over all compared steps [−0.30, +0.10]).", Clear: false},
		{Text: "The data do not show whether val_loss differs between once and RMSNorm: at step 30, the gap (once − RMSNorm) is −0.10 (95 % interval [−0.30, +0.10]).", Clear: false},
		{Text: "For val_loss, at step 30, the gap (bandless − RMSNorm) is +0.20000; there is no band.", Clear: false},
		{Text: "val_loss differs between crossing and RMSNorm at the last step that is compared: at step 30, the gap (crossing − RMSNorm) is +0.50 (95 % band over all compared steps [+0.30, +0.70]); earlier it is the reverse: at step 10, the gap (crossing − RMSNorm) is −0.50 (95 % band over all compared steps [−0.70, −0.30]).", Clear: true},
		{Text: "For val_loss, at step 30, the gap (fixed − RMSNorm) is +2.0000; there is no band, because it is the same in every replicate.", Clear: false},
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("Findings =\n%+v\nwant\n%+v", got, want)
		}
	}
}

func TestFindingsOfADose(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	gap := func(level, from string, estimate, half float64) answer.Contrast {
		return answer.Contrast{Kind: "dose", Family: "dose", Estimate: &estimate, Low: number(estimate - half), High: number(estimate + half),
			LowAdjusted: number(estimate - 2*half), HighAdjusted: number(estimate + 2*half), Terms: []answer.Term{{Factor: "lr", Level: level, Baseline: from}}}
	}
	slope := answer.Contrast{Kind: "dose", Family: "slope", Estimate: number(2)}
	doses := answer.Dose{Response: "val_loss", At: "final", Factor: "lr", Baseline: "0.1", Confidence: 0.95, Slope: number(2), SlopeLow: number(1), SlopeHigh: number(3),
		Contrasts: []answer.Contrast{gap("0.2", "0.1", 0.4, 0.1), gap("0.3", "0.1", 0.4, 0.3), slope}}
	equal := answer.Contrast{Kind: "dose", Family: "dose", Estimate: number(0), Constant: true, Terms: []answer.Term{{Factor: "lr", Level: "0.4", Baseline: "0.1"}}}
	constant := doses
	constant.Baseline, constant.Reference, constant.SlopeLow = "", number(3.2), number(-1)
	constant.Contrasts = []answer.Contrast{gap("0.2", "3.2", 0.4, 0.1), gap("0.3", "3.2", 0.4, 0.3)}
	doses.Contrasts = append(doses.Contrasts, equal)
	got := append(doses.Findings(), constant.Findings()...)
	want := []answer.Finding{
		{Text: "Along the least-squares line, val_loss at the last step changes by +2.0 for each unit of lr (95 % interval [+1.0, +3.0]).", Clear: true},
		{Text: "When lr goes from 0.1 to 0.2, val_loss at the last step changes by +0.40 (adjusted interval [+0.20, +0.60]).", Clear: true},
		{Text: "The data do not show whether val_loss at the last step differs between lr = 0.1 and lr = 0.3: it changes by +0.40 (adjusted interval [−0.20, +1.00]).", Clear: false},
		{Text: "In every replicate, val_loss at the last step is the same at lr = 0.4 as at lr = 0.1.", Clear: true},
		{Text: "The data do not show whether the least-squares line of val_loss at the last step rises or falls with lr: it changes by +2.0 for each unit of lr (95 % interval [−1.0, +3.0]).", Clear: false},
		{Text: "At lr = 0.2, val_loss at the last step differs from the constant 3.2 by +0.40 (adjusted interval [+0.20, +0.60]).", Clear: true},
		{Text: "The data do not show whether val_loss at the last step differs from the constant 3.2 at lr = 0.3: the difference is +0.40 (adjusted interval [−0.20, +1.00]).", Clear: false},
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("Findings =\n%+v\nwant\n%+v", got, want)
		}
	}
}

// Every sentence says which response it is about, and that it is about a logarithm.
func TestFindingsNameTheResponse(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	terms := []answer.Term{{Factor: "norm", Level: "Derf", Baseline: "RMSNorm"}, {Factor: "optimizer", Level: "Muon", Baseline: "AdamW"}}
	third := answer.Term{Factor: "depth", Level: "12", Baseline: "6"}
	of := func(kind string, estimate float64, terms ...answer.Term) answer.Contrast {
		return answer.Contrast{Kind: kind, Name: kind, Estimate: &estimate, Low: number(estimate - 1), High: number(estimate + 1),
			LowAdjusted: number(estimate - 2), HighAdjusted: number(estimate + 2), Terms: terms}
	}
	equal := of("interaction", 0, terms...)
	equal.Constant = true
	verdict := of("equivalence", 0)
	verdict.Verdict = "equivalent within ±3"
	one := answer.Result{Response: "loss", At: "final", Scale: "log", Contrasts: []answer.Contrast{
		of("declared", 1), equal, of("interaction", 1, terms...), of("interaction", 3, terms...), of("interaction", 3, append(terms, third)...), verdict}}
	two := one
	two.Response, two.Scale = "accuracy", ""
	one.Others = []answer.Result{two}
	got := answer.Findings(one)
	for i, f := range got {
		want := "the logarithm of loss at the last step"
		if i >= len(got)/2 {
			want = "accuracy at the last step"
		}
		if len(got) != 12 || !strings.Contains(f.Text, want) {
			t.Errorf("%q does not name %s", f.Text, want)
		}
	}
}

// A verdict that rests on Holm's rule alone does not cite an interval that contradicts it.
func TestEvidenceOfAVerdict(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	of := func(low, high, holm float64) answer.Contrast {
		return answer.Contrast{Kind: "equivalence", Name: "a", Estimate: number(0), LowAdjusted: &low, HighAdjusted: &high, PHolm: &holm, Verdict: "equivalent within ±0.1"}
	}
	got := answer.Findings(answer.Result{Response: "y", Margin: &answer.Margin{Margin: 0.1, Alpha: 0.05, Direction: "equivalent"}, Contrasts: []answer.Contrast{of(-0.05, 0.05, 0.01), of(-0.05, 0.11, 0.04)}})
	want := []answer.Finding{
		{Text: "a in y: equivalent within ±0.1 (adjusted interval [−0.050, +0.050]).", Clear: true},
		{Text: "a in y: equivalent within ±0.1 (p (Holm) 0.0400, adjusted interval [−0.050, +0.110]).", Clear: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Findings =\n%+v\nwant\n%+v", got, want)
	}
}

// What was declared when all results were known was not planned when some were.
func TestStandingOfADeclaration(t *testing.T) {
	one := 1.
	for want, known := range map[string]int{"planned before any": 0, "planned when some": 2, "declared when all results were known": 3} {
		r := answer.Result{Response: "y", Standing: &answer.Standing{Known: known, Trials: 3}, Contrasts: []answer.Contrast{{Kind: "declared", Name: "x", Estimate: &one, Planned: true}}}
		if got := answer.Findings(r)[0].Text; !strings.Contains(got, want) {
			t.Errorf("%d of 3 results were known: %s", known, got)
		}
	}
}
