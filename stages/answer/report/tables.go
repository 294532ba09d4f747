package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/figure"
	"ablate/stages/answer/numeral"
)

// table is rows below a head.
type table struct {
	Title string
	Head  []head
	Rows  [][]cell
}

type head struct {
	Text   string
	Number bool
}

// cell is one value. Exact is shown to a reader who points at it.
type cell struct {
	Text, Exact string
	Number      bool
	Value       string // what the table sorts by; "" is the text
}

func words(text string) cell { return cell{Text: text} }

// counted is a number as a cell.
func counted(text string, v *float64) cell {
	c := cell{Text: text, Number: true, Exact: numeral.Exact(v)}
	c.Value = c.Exact
	return c
}

// effects is a family of contrasts: their numbers beside a forest plot.
type effects struct {
	Title    string
	Interval string // what the interval column is called
	Adjusted bool
	Verdicts bool
	Planned  bool
	Rows     []effect
	Axis     template.HTML
	Link     string // of the provenance of the numbers
}

type effect struct {
	Name, Exact                  string
	Strip                        template.HTML
	Estimate, Low, P             cell
	LowAdjusted, Holm            cell
	Interval, AdjustedInterval   string
	Verdict, Test, Standing, Why string
}

func newEffects(f figure.Family, r answer.Result, chapter string) effects {
	level := r.Confidence
	kind := f.Contrasts[0].Kind
	if kind == "equivalence" && r.Margin != nil {
		level = 1 - 2*r.Margin.Alpha
	}
	t := effects{
		Title: f.Title, Interval: numeral.Percent(level) + " interval", Link: "provenance-" + chapter,
		Verdicts: kind == "equivalence", Planned: kind == "declared" && r.Standing != nil && r.Standing.Time != "",
	}
	if f.Estimated() {
		t.Axis = template.HTML(f.Axis()) // our own drawing
	}
	for _, c := range f.Contrasts {
		t.Adjusted = t.Adjusted || c.LowAdjusted != nil
		e := effect{
			Name: figure.Name(c), Exact: exact(c),
			Estimate: counted(numeral.Signed(c.Estimate, numeral.Half(c.Low, c.High)), c.Estimate), Interval: c.Interval(),
			Low: counted("", c.Low), LowAdjusted: counted("", c.LowAdjusted), P: counted(numeral.Probability(c.P), c.P), Holm: counted(numeral.Probability(c.PHolm), c.PHolm),
			AdjustedInterval: c.AdjustedInterval(), Verdict: c.Verdict, Standing: "exploratory: changed after the freeze",
		}
		if f.Estimated() {
			e.Strip = template.HTML(f.Strip(c)) // our own drawing
		}
		if c.Planned {
			e.Standing = "planned"
		}
		if c.Estimate == nil {
			e.Why = "cannot be estimated"
			if len(c.Missing) > 0 {
				e.Why += ": no usable trials in " + strings.Join(c.Missing, ", ")
			}
		}
		t.Rows = append(t.Rows, e)
	}
	return t
}

// exact lists the numbers of a contrast in full precision.
func exact(c answer.Contrast) string {
	var parts []string
	for _, x := range []struct {
		name  string
		value *float64
	}{{"estimate", c.Estimate}, {"low", c.Low}, {"high", c.High}, {"t", c.T}, {"df", c.DF}, {"p", c.P}, {"p (Holm)", c.PHolm}} {
		if x.value != nil {
			parts = append(parts, x.name+" "+numeral.Exact(x.value))
		}
	}
	return strings.Join(append(parts, c.Method), ", ")
}

// sensitivity tabulates what other methods say, and which effects a study of this
// size finds; nil without any of that.
func sensitivity(r answer.Result) *table {
	t := &table{Title: "Sensitivity", Head: []head{{Text: "effect"}}}
	columns := []struct {
		title string
		has   func(answer.Contrast) bool
		show  func(answer.Contrast) cell
	}{
		{"detectable with 80 % power, adjusted", func(c answer.Contrast) bool { return c.DetectAdjusted != nil }, detectable},
		{"interval with its own error", func(c answer.Contrast) bool { return c.OwnLow != nil }, func(c answer.Contrast) cell { return interval(c.OwnLow, c.OwnHigh) }},
		{"p (sign flip)", func(c answer.Contrast) bool { return c.PFlip != nil }, flipped},
		{"bootstrap-t interval", func(c answer.Contrast) bool { return c.BootLow != nil }, func(c answer.Contrast) cell { return interval(c.BootLow, c.BootHigh) }},
		{"without one " + r.Replicate, func(c answer.Contrast) bool { return c.LeftOut != nil }, leftOut},
		{"moved most by", func(c answer.Contrast) bool { return c.LeftOut != nil }, movedBy},
		{"test", func(answer.Contrast) bool { return true }, func(c answer.Contrast) cell { return words(method(c)) }},
	}
	shown := columns[:0:0]
	for _, column := range columns {
		for _, c := range r.Contrasts {
			if column.has(c) && c.Estimate != nil {
				shown = append(shown, column)
				t.Head = append(t.Head, head{column.title, column.title != "test" && column.title != "moved most by"})
				break
			}
		}
	}
	if len(shown) < 2 {
		return nil
	}
	for _, c := range r.Contrasts {
		if c.Kind == "equivalence" || c.Estimate == nil {
			continue
		}
		row := []cell{words(figure.Name(c))}
		if c.Kind == "main" {
			row[0].Text += " (main)"
		}
		for _, column := range shown {
			row = append(row, column.show(c))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// flipped is the p of the sign-flip test, with the smallest that so many replicates give
// where that is above 0.05.
func flipped(c answer.Contrast) cell {
	out := counted(numeral.Probability(c.PFlip), c.PFlip)
	if c.PFlipLeast != nil && *c.PFlipLeast > 0.05 {
		out.Text += " (at least " + numeral.Probability(c.PFlipLeast) + ")"
	}
	return out
}

// leftOut is the range of the estimates without one replicate.
func leftOut(c answer.Contrast) cell {
	if c.LeftOut == nil {
		return cell{Number: true}
	}
	return counted(numeral.Range(&c.LeftOut.Low, &c.LeftOut.High), &c.LeftOut.Low)
}

func movedBy(c answer.Contrast) cell {
	if c.LeftOut == nil {
		return cell{}
	}
	return words(c.LeftOut.Replicate)
}

func interval(low, high *float64) cell {
	return counted(numeral.Between(low, high), low)
}

// detectable is the effect that the adjusted interval finds, with its range. Effect and
// range are proportional to the standard error.
func detectable(c answer.Contrast) cell {
	if c.DetectAdjusted == nil {
		return cell{Number: true}
	}
	out := counted(numeral.Significant(*c.DetectAdjusted, 2), c.DetectAdjusted)
	if c.Detect != nil && c.DetectLow != nil && c.DetectHigh != nil {
		ratio := *c.DetectAdjusted / *c.Detect
		out.Text += fmt.Sprintf(" (%s to %s)", numeral.Significant(ratio**c.DetectLow, 2), numeral.Significant(ratio**c.DetectHigh, 2))
	}
	return out
}

// reached tabulates how many trials of each cell reached the target, and when; nil
// without a target.
func reached(r answer.Result) *table {
	if r.Metric == "" {
		return nil
	}
	t := &table{Title: upperFirst(r.Response)}
	for _, f := range r.Factors {
		t.Head = append(t.Head, head{Text: f.Name})
	}
	t.Head = append(t.Head, head{"trials that reach it", true}, head{"earliest", true}, head{"latest", true})
	for _, c := range r.Cells {
		var row []cell
		for _, l := range c.Levels {
			row = append(row, words(l))
		}
		row = append(row, cell{Text: fmt.Sprintf("%d of %d", c.N, c.N+c.Censored), Number: true})
		if c.N == 0 {
			t.Rows = append(t.Rows, append(row, cell{Number: true}, cell{Number: true}))
			continue
		}
		low, high := slices.Min(c.Values), slices.Max(c.Values)
		t.Rows = append(t.Rows, append(row, counted(numeral.Shortest(low), &low), counted(numeral.Shortest(high), &high)))
	}
	return t
}

// cellMeans tabulates the cells; nil where the table of steps to a target does.
func cellMeans(r answer.Result) *table {
	if r.Metric != "" {
		return nil
	}
	t := &table{Title: "Cells"}
	for _, f := range r.Factors {
		t.Head = append(t.Head, head{Text: f.Name})
	}
	t.Head = append(t.Head, head{"mean ± s.d.", true}, head{"trials", true})
	for _, c := range r.Cells {
		var row []cell
		for _, l := range c.Levels {
			row = append(row, words(l))
		}
		mean := cell{Number: true, Text: "no trial"}
		switch {
		case c.Mean != nil:
			mean = counted(numeral.WithError(*c.Mean, c.SD), c.Mean)
		case c.Diverged > 0:
			mean.Text = fmt.Sprintf("%d of %d diverged", c.Diverged, c.N+c.Diverged)
		}
		n := float64(c.N + c.Diverged)
		t.Rows = append(t.Rows, append(row, mean, counted(numeral.Count(n), &n)))
	}
	return t
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// method names the test of a contrast, and what it is based on.
func method(c answer.Contrast) string {
	switch {
	case c.Constant:
		return "replicates do not differ"
	case c.Pairs > 0 && c.Dropped:
		return fmt.Sprintf("%s, n = %d complete", c.Method, c.Pairs)
	case c.Pairs > 0:
		return fmt.Sprintf("%s, n = %d", c.Method, c.Pairs)
	case c.DF != nil:
		return fmt.Sprintf("%s, df = %s", c.Method, numeral.Count(*c.DF))
	}
	return c.Method
}

// anova tabulates the analysis of variance; nil without one.
func anova(r answer.Result) *table {
	if len(r.Anova) == 0 {
		return nil
	}
	t := &table{Title: "Analysis of variance (" + r.AnovaBy + ")", Head: []head{{Text: "source"}}}
	for _, name := range []string{"sum of squares", "df", "error df", "F", "p", "η²", "ω²"} {
		t.Head = append(t.Head, head{name, true})
	}
	short := func(v *float64) cell {
		if v == nil {
			return cell{Number: true}
		}
		return counted(numeral.Significant(*v, 4), v)
	}
	for _, a := range r.Anova {
		df := counted(numeral.Count(a.DF), &a.DF)
		errorDF := cell{Number: true}
		if a.F != nil && a.ErrorDF != nil {
			errorDF = counted(numeral.Count(*a.ErrorDF), a.ErrorDF)
		}
		t.Rows = append(t.Rows, []cell{words(a.Name), short(&a.SS), df, errorDF, short(a.F), counted(numeral.Probability(a.P), a.P), short(a.Eta2), short(a.Omega2)})
	}
	return t
}
