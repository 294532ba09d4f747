package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ablate/stages/answer"
)

// factorial lays out the answer of a factorial.
type factorial struct{ answer.Result }

// Factorial is the document of a factorial analysis.
func Factorial(r answer.Result) Document {
	f := factorial{r}
	return Document{Sections: f.sections(), Rows: f.rows(), Figures: f.figures()}
}

func (r factorial) measure() string { return measure(r.Response, r.At) }

// sections lists the parts in reading order.
func (r factorial) sections() []Section {
	out := []Section{{Title: "Cell means ± s.d. of " + r.measure(), Grid: r.cellGrid(), Lines: []string{r.about()}}}
	if g := r.contrastGrid("declared"); g != nil {
		s := Section{Title: "Declared contrasts", Grid: g}
		if r.Standing != nil {
			s.Lines = standingLines(r.Standing)
		}
		out = append(out, s)
	}
	for _, part := range []struct{ kind, title string }{
		{"gap", "Gaps to the baseline level"}, {"main", "Main effects, averaged over the other factors"},
	} {
		if g := r.contrastGrid(part.kind); g != nil {
			out = append(out, Section{Title: part.title, Grid: g})
		}
	}
	if lines := r.interactionLines(); lines != nil {
		out = append(out, Section{Title: "Interactions: does one factor's gap depend on the other?", Lines: lines})
	}
	if len(r.Anova) > 0 {
		out = append(out, Section{Title: "Analysis of variance (" + r.AnovaBy + ")", Grid: r.anovaGrid()})
	}
	return warned(out, r.Warnings)
}

// about says what the numbers are based on.
func (r factorial) about() string {
	var base []string
	for _, f := range r.Factors {
		base = append(base, f.Name+" = "+f.Baseline)
	}
	s := fmt.Sprintf("%d trials in %d cells; replicates: %s; baseline: %s.", r.Trials, len(r.Cells), r.Replicate, join(base))
	if r.Tokens > 0 {
		s += fmt.Sprintf(" Evaluated on %d tokens, the same for every trial.", r.Tokens)
	}
	return s
}

// cellGrid lays two factors out as rows and columns, any other number as a
// list.
func (r factorial) cellGrid() *Grid {
	if len(r.Factors) == 2 {
		return r.crossGrid()
	}
	g := newGrid(len(r.Factors), 2)
	var head []string
	for _, f := range r.Factors {
		head = append(head, f.Name)
	}
	g.add(append(head, "mean ± s.d.", "n")...)
	for _, c := range r.Cells {
		g.add(append(slices.Clone(c.Levels), meanOf(c), strconv.Itoa(c.N))...)
		g.note(len(c.Levels), valuesOf(c))
	}
	return g
}

func (r factorial) crossGrid() *Grid {
	down, across := r.Factors[0], r.Factors[1]
	if len(across.Levels) > len(down.Levels) {
		down, across = across, down
	}
	flipped := down.Name != r.Factors[0].Name
	g := newGrid(1, len(across.Levels))
	g.add(append([]string{down.Name}, across.Levels...)...)
	for _, l := range down.Levels {
		line := []string{l}
		var notes []string
		for _, m := range across.Levels {
			levels := []string{l, m}
			if flipped {
				levels = []string{m, l}
			}
			c := r.cell(levels)
			line, notes = append(line, meanOf(c)), append(notes, valuesOf(c))
		}
		g.add(line...)
		for i, text := range notes {
			g.note(i+1, text)
		}
	}
	return g
}

func (r factorial) cell(levels []string) answer.Cell {
	for _, c := range r.Cells {
		if slices.Equal(c.Levels, levels) {
			return c
		}
	}
	return answer.Cell{}
}

// meanOf prints a cell's mean and standard deviation, or why it has none.
func meanOf(c answer.Cell) string {
	switch {
	case c.N+c.Diverged == 0:
		return "no trial"
	case c.Mean == nil:
		return fmt.Sprintf("%d of %d diverged", c.Diverged, c.Diverged+c.N)
	case c.SD == nil:
		return decimals(*c.Mean)
	}
	return decimals(*c.Mean) + " ± " + decimals(*c.SD)
}

// valuesOf lists the responses of a cell by replicate, in full precision.
func valuesOf(c answer.Cell) string {
	var parts []string
	for i, v := range c.Values {
		parts = append(parts, strings.TrimSpace(c.Replicates[i]+" "+shortest(v)))
	}
	return join(parts)
}

// contrastGrid tabulates the contrasts of one kind; nil if there are none.
func (r factorial) contrastGrid(kind string) *Grid {
	g := newGrid(1, 4)
	head := []string{"", "estimate", percent(r.Confidence) + " interval", "p (Holm)", "test"}
	if r.Bootstrap != "" {
		g.right, head = append(g.right, true), append(head, "bootstrap")
	}
	frozen := kind == "declared" && r.Standing != nil && r.Standing.Time != ""
	if frozen {
		g.right, head = append(g.right, false), append(head, "")
	}
	g.add(head...)
	for _, c := range r.Contrasts {
		if c.Kind != kind {
			continue
		}
		line := []string{c.Name, signed(c.Estimate), between(c.Low, c.High), probability(c.PHolm), testOf(c)}
		if r.Bootstrap != "" {
			line = append(line, between(c.BootLow, c.BootHigh))
		}
		if frozen {
			line = append(line, standingOf(c))
		}
		g.add(line...)
		g.note(1, numbersOf(c))
	}
	if len(g.rows) == 1 {
		return nil
	}
	return g
}

func standingOf(c answer.Contrast) string {
	if c.Planned {
		return "planned"
	}
	return "exploratory: changed after the freeze"
}

// standingLines say which declared contrasts were planned.
func standingLines(s *answer.Standing) []string {
	if s.Time == "" {
		return []string{"Nothing is frozen yet: ablate run writes the lock before the first trial."}
	}
	line := fmt.Sprintf("Frozen at %s, when %d of %d trials had a result.", s.Time, s.Known, s.Trials)
	if s.Known == s.Trials {
		line = fmt.Sprintf("Frozen at %s, when all results were known.", s.Time)
	} else if s.Known > 0 {
		line += " What was known by then may have chosen them."
	}
	out := []string{line + " All that is not marked planned is exploratory."}
	if len(s.Gone) > 0 {
		out = append(out, "Planned, but not declared any more: "+join(s.Gone)+".")
	}
	return out
}

// numbersOf lists the numbers of a contrast in full precision.
func numbersOf(c answer.Contrast) string {
	var parts []string
	for _, x := range []struct {
		name  string
		value *float64
	}{{"estimate", c.Estimate}, {"low", c.Low}, {"high", c.High}, {"t", c.T}, {"df", c.DF}, {"p", c.P}, {"p (Holm)", c.PHolm}} {
		if x.value != nil {
			parts = append(parts, x.name+" "+Exact(x.value))
		}
	}
	return join(parts)
}

func testOf(c answer.Contrast) string {
	switch c.Method {
	case "paired t":
		return fmt.Sprintf("paired t, n = %d", c.N)
	case "Welch t":
		return fmt.Sprintf("Welch t, df = %.1f", *c.DF)
	}
	return c.Method
}

// interactionLines says each interaction in a sentence.
func (r factorial) interactionLines() []string {
	var out []string
	for _, c := range r.Contrasts {
		if c.Kind != "interaction" {
			continue
		}
		line := c.Name + " = " + signed(c.Estimate)
		switch {
		case c.Missing != nil:
			line = c.Name + ": not estimable"
		case c.Low != nil:
			line += fmt.Sprintf(", %s interval %s, p (Holm) %s, %s", percent(r.Confidence), between(c.Low, c.High), probability(c.PHolm), testOf(c))
			if c.BootLow != nil {
				line += ", bootstrap " + between(c.BootLow, c.BootHigh)
			}
		default:
			line += ", no interval"
		}
		out = append(out, line)
	}
	return out
}

// anovaGrid tabulates the analysis of variance.
func (r factorial) anovaGrid() *Grid {
	g := newGrid(1, 6)
	g.add("", "sum of squares", "df", "F", "p", "η²", "ω²")
	show := func(v *float64, format string) string {
		if v == nil {
			return ""
		}
		return typeset(format, *v)
	}
	for _, l := range r.Anova {
		g.add(l.Name, fmt.Sprintf("%.6f", l.SS), fmt.Sprintf("%g", l.DF), show(l.F, "%.3f"), probability(l.P), show(l.Eta2, "%.4f"), show(l.Omega2, "%.4f"))
	}
	return g
}

// rows lists cells and contrasts in one table.
func (r factorial) rows() [][]string {
	rows := [][]string{{"kind", "name", "estimate", "low", "high", "sd", "t", "df", "p", "p_holm", "n", "method"}}
	for _, c := range r.Cells {
		rows = append(rows, []string{"cell", strings.Join(c.Levels, " + "), Exact(c.Mean), "", "", Exact(c.SD), "", "", "", "", strconv.Itoa(c.N), ""})
	}
	for _, c := range r.Contrasts {
		rows = append(rows, []string{c.Kind, c.Name, Exact(c.Estimate), Exact(c.Low), Exact(c.High), "", Exact(c.T), Exact(c.DF), Exact(c.P), Exact(c.PHolm), strconv.Itoa(c.N), c.Method})
	}
	return rows
}
