package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// contrastGrid tabulates the contrasts of one kind; nil if there are none.
func (r factorial) contrastGrid(kind string) *Grid {
	columns := r.columns(kind)
	g := newGrid(1, 0)
	head := []string{""}
	for _, c := range columns {
		g.right, head = append(g.right, c.right), append(head, c.title)
	}
	g.add(head...)
	for _, c := range r.Contrasts {
		if c.Kind != kind {
			continue
		}
		line := []string{c.Name}
		if kind == "interaction" || kind == "equivalence" {
			line[0] = c.ShortName()
		}
		line[0] += c.OverText()
		for _, column := range columns {
			line = append(line, column.show(c))
		}
		g.add(line...)
		g.note(1, numbersOf(c))
	}
	if len(g.rows) == 1 {
		return nil
	}
	return g
}

// column is one column of a table of contrasts.
type column struct {
	title string
	right bool
	show  func(answer.Contrast) string
}

func (r factorial) columns(kind string) []column {
	level := r.Confidence
	if kind == "equivalence" && r.Margin != nil {
		level = 1 - 2*r.Margin.Alpha
	}
	estimate := func(c answer.Contrast) string { return numeral.Signed(c.Estimate, numeral.Half(c.Low, c.High)) }
	out := []column{
		{"estimate", true, estimate},
		{numeral.Percent(level) + " interval", true, func(c answer.Contrast) string { return c.Interval() }},
		{"adjusted interval", true, func(c answer.Contrast) string { return c.AdjustedInterval() }},
		{"p", true, func(c answer.Contrast) string { return numeral.Probability(c.P) }},
		{"p (Holm)", true, func(c answer.Contrast) string { return numeral.Probability(c.PHolm) }},
	}
	if kind == "equivalence" {
		return append(out, column{"verdict", false, func(c answer.Contrast) string { return c.Verdict }})
	}
	if r.Scale == "log" {
		out = append(out, column{"ratio", true, ratioOf})
	}
	if slices.ContainsFunc(r.Contrasts, func(c answer.Contrast) bool { return c.PFlip != nil }) {
		out = append(out, column{"p (sign flip)", true, flipOf})
	}
	out = append(out, column{"test", true, testOf})
	if r.Error == "pooled" {
		out = append(out, column{"own error", true, func(c answer.Contrast) string { return numeral.Between(c.OwnLow, c.OwnHigh) }})
	}
	if r.Bootstrap != "" {
		out = append(out, column{"bootstrap-t", true, func(c answer.Contrast) string { return numeral.Between(c.BootLow, c.BootHigh) }})
	}
	if kind == "declared" && r.Standing != nil && r.Standing.Time != "" {
		out = append(out, column{"", false, standingOf})
	}
	return out
}

// ratioOf is the ratio of geometric means with its interval, from those of logarithms.
func ratioOf(c answer.Contrast) string {
	if c.Estimate == nil {
		return ""
	}
	s := exponential(*c.Estimate)
	if c.Low != nil && c.High != nil {
		s += fmt.Sprintf(" [%s, %s]", exponential(*c.Low), exponential(*c.High))
	}
	return s
}

// exponential prints e to the power of v, with more digits if it would be rounded to 1, so that
// whether an interval includes 1 can be read.
func exponential(v float64) string {
	const most = 9
	ratio := math.Exp(v)
	if math.IsInf(ratio, 1) {
		return "∞"
	}
	for digits := 4; ; digits++ {
		s := numeral.Significant(ratio, digits)
		if rounded, _ := strconv.ParseFloat(s, 64); rounded != 1 || v == 0 || digits == most {
			return s
		}
	}
}

// flipOf is the p of the sign-flip test, and its smallest value where p cannot be below
// 0.05.
func flipOf(c answer.Contrast) string {
	if c.PFlip == nil {
		return ""
	}
	s := numeral.Probability(c.PFlip)
	if *c.PFlipLeast > 0.05 {
		s += " (at least " + numeral.Probability(c.PFlipLeast) + ")"
	}
	return s
}

func (r factorial) equivalenceTitle() string {
	if r.Margin == nil {
		return ""
	}
	if r.Margin.Direction == "equivalent" {
		return fmt.Sprintf("Equivalence within ±%v, at α = %v", r.Margin.Margin, r.Margin.Alpha)
	}
	return fmt.Sprintf("Not worse by more than %v (%s is better), at α = %v", r.Margin.Margin, r.Margin.Better, r.Margin.Alpha)
}

func standingOf(c answer.Contrast) string {
	if c.Planned {
		return "planned"
	}
	return "exploratory: changed after the freeze"
}

// numbersOf lists the numbers of a contrast in full precision.
func numbersOf(c answer.Contrast) string {
	var parts []string
	for _, x := range []struct {
		name  string
		value *float64
	}{{"estimate", c.Estimate}, {"low", c.Low}, {"high", c.High}, {"t", c.T}, {"df", c.DF}, {"p", c.P}, {"p (Holm)", c.PHolm}, {"detectable", c.Detect}} {
		if x.value != nil {
			parts = append(parts, x.name+" "+numeral.Exact(x.value))
		}
	}
	return join(parts)
}

// testOf names the test and what it is based on, or why there is none.
func testOf(c answer.Contrast) string {
	switch {
	case c.Constant:
		return "replicates do not differ"
	case c.Method == "paired t" && c.Wide:
		return fmt.Sprintf("paired t, n = %d, widened", c.Pairs)
	case c.Method == "paired t" && c.Dropped:
		return fmt.Sprintf("paired t, n = %d complete", c.Pairs)
	case c.Method == "paired t":
		return fmt.Sprintf("paired t, n = %d", c.Pairs)
	case c.Method == "one-sample t":
		return fmt.Sprintf("one-sample t, n = %s", numeral.Count(*c.DF+1))
	case strings.HasSuffix(c.Method, "Welch t"), c.Method == "pooled t":
		return fmt.Sprintf("%s, n = %d, df = %s", c.Method, trialsOf(c), numeral.Count(*c.DF))
	case c.Method == "none":
		return "a cell has one trial"
	}
	return c.Method
}
