package analysis

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// modelLines are the answers about a design, by kind and name.
func modelLines(t *testing.T, name, errors, squares string) map[[2]string]answer.Line {
	t.Helper()
	rows := readCSV(t, "models/"+name+".csv")
	last := len(rows[0]) - 1
	table := design.NewTable(slices.Clone(rows[0][:last]), "r")
	table.Unpaired = strings.HasPrefix(name, "unpaired")
	for _, r := range rows[1:] {
		y, err := strconv.ParseFloat(r[last], 64)
		if err != nil {
			t.Fatal(err)
		}
		add(table, y, r[:last]...)
	}
	f := newFactorial()
	margin := 0.3
	f.Response, f.Error, f.Squares, f.Margin = "y", errors, squares, &margin
	f.Baseline = make(map[string]addr.Level)
	for _, factor := range rows[0][:last-1] {
		f.Baseline[factor] = addr.Level{Kind: "string", Text: factor + "0"}
	}
	out := make(map[[2]string]answer.Line)
	for _, l := range f.analyse(table, "r").Lines() {
		out[[2]string{l.Kind, l.Name}] = l
	}
	return out
}

// TestModels compares every model of the errors with R's lm, aov, t.test, emmeans
// and car on 27 designs: complete, with missing trials, and unpaired. The script
// that made the designs and the answers is testdata/models/make.R.
func TestModels(t *testing.T) {
	answers := make(map[[3]string]map[[2]string]answer.Line)
	compared, wrong := 0, 0
	for _, row := range readCSV(t, "models/answers.csv")[1:] {
		model := [3]string(row[:3])
		if answers[model] == nil {
			answers[model] = modelLines(t, row[0], row[1], row[2])
		}
		want, err := strconv.ParseFloat(row[6], 64)
		if err != nil {
			t.Fatal(err)
		}
		l, ok := answers[model][[2]string{row[3], row[4]}]
		got := numberOf(l, row[5])
		if compared++; !ok || got == nil || math.Abs(*got-want) > 1e-6*math.Max(math.Abs(want), 1e-6) {
			if wrong++; wrong < 20 {
				t.Errorf("%v: %s = %v, and R says %.12g", row[:5], row[5], answer.Finite(valueOr(got)), want)
				if got != nil {
					t.Logf("got %.12g", *got)
				}
			}
		}
	}
	if wrong > 0 || compared < 5000 {
		t.Errorf("%d of %d numbers differ from R's", wrong, compared)
	}
}

func valueOr(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// numberOf is a field of a line; nil without one.
func numberOf(l answer.Line, field string) *float64 {
	if field == "df" {
		if len(l.DF) == 0 {
			return nil
		}
		return &l.DF[0]
	}
	return map[string]*float64{"estimate": l.Estimate, "low": l.Low, "high": l.High, "t": l.T, "p": l.P, "f": l.F, "ss": l.SS,
		"p_holm": l.PHolm, "p_adjusted": l.PAdjusted, "low_adjusted": l.LowAdjusted, "high_adjusted": l.HighAdjusted, "detectable": l.Detectable}[field]
}

// For an effect with one degree of freedom, the analysis of variance and the
// contrast test one hypothesis: F is t², and both have the same p.
func TestOneHypothesisOneP(t *testing.T) {
	for _, errors := range []string{"contrast", "pooled", "separate"} {
		for _, name := range []string{"paired-2", "incomplete-2", "incomplete-2x2", "paired-4x2", "incomplete-2x2x2"} {
			lines := modelLines(t, name, errors, "III")
			for key, l := range lines {
				if key[0] != "anova" || l.F == nil || l.DF[0] != 1 {
					continue
				}
				if c, ok := contrastFor(lines, l.Name); ok && math.Abs(*c.P-*l.P) > 1e-9 && !strings.HasSuffix(name, "-2") {
					t.Errorf("%s, %s, %s: F has p = %v, t has p = %v", name, errors, l.Name, *l.P, *c.P)
				}
			}
		}
	}
}

// contrastFor is the only main effect or interaction of some factors.
func contrastFor(lines map[[2]string]answer.Line, factors string) (answer.Line, bool) {
	for key, l := range lines {
		name, _, _ := strings.Cut(key[1], ": ")
		if (key[0] == "main" || key[0] == "interaction") && strings.ReplaceAll(name, " x ", ":") == factors {
			return l, true
		}
	}
	return answer.Line{}, false
}
