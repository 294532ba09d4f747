package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// factorial lays out the answer of a factorial.
type factorial struct{ answer.Result }

// Factorial is the document of a factorial analysis.
func Factorial(r answer.Result) Document {
	f := factorial{r}
	if r.Others != nil {
		return severalResponses(r)
	}
	return Document{Sections: f.sections(), Rows: f.rows()}
}

// severalResponses is one document after the other. Titles and rows name the response.
func severalResponses(r answer.Result) Document {
	var out Document
	for i, x := range r.All() {
		f := factorial{x}
		for _, s := range f.sections() {
			s.Title = x.Response + ": " + s.Title
			out.Sections = append(out.Sections, s)
		}
		for j, row := range f.rows() {
			switch {
			case j > 0:
				out.Rows = append(out.Rows, append([]string{x.Response}, row...))
			case i == 0:
				out.Rows = append(out.Rows, append([]string{"response"}, row...))
			}
		}
	}
	return out
}

// sections lists the parts in reading order.
func (r factorial) sections() []Section {
	out := []Section{{Title: "Cell means ± s.d. of " + r.Measured(), Grid: r.cellGrid(), Lines: []string{r.about()}}}
	if len(r.Tuned) > 0 {
		out = append(out, Section{Title: "What each cell chose", Grid: r.tunedGrid()})
	}
	for _, part := range []struct{ kind, title string }{
		{"declared", "Declared contrasts"}, {"gap", "Gaps to the baseline level"}, {"main", "Main effects, averaged over the other factors"},
		{"interaction", "Interactions: does the gap of one factor depend on another?"}, {"affected", "Gaps that an interaction affects, averaged over the factors that are not named"}, {"equivalence", r.equivalenceTitle()},
	} {
		g := r.contrastGrid(part.kind)
		if g == nil {
			continue
		}
		s := Section{Title: part.title, Grid: g}
		if part.kind == "declared" && r.Standing != nil {
			s.Lines = standingLines(r.Standing)
		}
		out = append(out, s)
	}
	if len(r.Anova) > 0 {
		out = append(out, Section{Title: "Analysis of variance (" + r.AnovaBy + ")", Grid: r.anovaGrid()})
	}
	if s, ok := r.sensitivity(); ok {
		out = append(out, s)
	}
	if len(r.Notes) > 0 {
		out = append(out, Section{Title: "Assumptions and error rates", Lines: r.Notes})
	}
	return warned(out, r.Warnings)
}

// about says what the numbers are based on.
func (r factorial) about() string {
	var base, assumed []string
	for _, f := range r.Factors {
		base = append(base, f.Name+" = "+f.Baseline)
		if f.Assumed && len(f.Levels) > 1 {
			assumed = append(assumed, f.Name)
		}
	}
	s := fmt.Sprintf("%s in %s; replicates: %s; baseline: %s.", numeral.Things(r.Trials, "trial"), numeral.Things(len(r.Cells), "cell"), r.Replicate, join(base))
	if len(assumed) > 0 {
		s += fmt.Sprintf(" The baseline of %s is not declared: it is the first level.", join(assumed))
	}
	if r.Tokens > 0 {
		s += fmt.Sprintf(" Evaluated on %d tokens, the same for every trial.", r.Tokens)
	}
	return s
}

// cellGrid lays two factors of several levels out as rows and columns, any other number as a
// list.
func (r factorial) cellGrid() *Grid {
	if plane, _ := r.Varying(); len(plane.Factors) == 2 {
		return factorial{plane}.crossGrid()
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
	head := []string{down.Name}
	for _, l := range across.Levels {
		head = append(head, answer.NameLevel(across.Name, l))
	}
	g.add(head...)
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
	case c.N+c.Diverged+c.Censored == 0:
		return "no trial"
	case c.Censored > 0:
		return reachedBy(c)
	case c.Mean == nil:
		return fmt.Sprintf("%d of %d diverged", c.Diverged, c.Diverged+c.N)
	}
	return numeral.WithError(*c.Mean, c.SD)
}

// reachedBy says how many trials of a cell reached the target, and at which steps.
func reachedBy(c answer.Cell) string {
	if c.N == 0 {
		return fmt.Sprintf("none of %d in %d steps", c.Censored, c.Last)
	}
	low, high := slices.Min(c.Values), slices.Max(c.Values)
	s := fmt.Sprintf("%d of %d at %s", c.N, c.N+c.Censored, numeral.Shortest(low))
	if low < high {
		s += " to " + numeral.Shortest(high)
	}
	return s
}

// valuesOf lists the responses of a cell by replicate, in full precision.
func valuesOf(c answer.Cell) string {
	var parts []string
	for i, v := range c.Values {
		parts = append(parts, strings.TrimSpace(c.Replicates[i]+" "+numeral.Shortest(v)))
	}
	return join(parts)
}

// standingLines say which declarations were planned.
func standingLines(s *answer.Standing) []string {
	if s.Time == "" {
		return []string{"Nothing is frozen yet: ablate run writes the lock before the first trial."}
	}
	line := fmt.Sprintf("Frozen at %s, when %d of %d trials had a result.", s.Time, s.Known, s.Trials)
	switch {
	case s.Known == s.Trials:
		line = fmt.Sprintf("Frozen at %s, when all results were known: everything is exploratory. What is marked planned was not changed since.", s.Time)
	case s.Known > 0:
		line += " Those results may have influenced the declarations. Everything that is not marked planned is exploratory."
	default:
		line += " Everything that is not marked planned is exploratory."
	}
	out := []string{line}
	if len(s.Gone) > 0 {
		out = append(out, "Planned, but no longer declared: "+join(s.Gone)+".")
	}
	if s.Margin != "" {
		out = append(out, "The margin of equivalence is "+s.Margin+".")
	}
	return out
}

// anovaGrid tabulates the analysis of variance.
func (r factorial) anovaGrid() *Grid {
	g := newGrid(1, 7)
	g.add("", "sum of squares", "df", "error df", "F", "p", "η²", "ω²")
	show := func(v *float64) string {
		if v == nil {
			return ""
		}
		return numeral.Significant(*v, 4)
	}
	ratio := func(v *float64) string {
		if v == nil {
			return ""
		}
		return numeral.Fixed(*v, 4, false)
	}
	for _, l := range r.Anova {
		squares := numeral.Significant(l.SS, 4)
		if l.Error == "separate" {
			squares = ""
		}
		df := ""
		if l.F != nil {
			df = numeral.Count(*l.ErrorDF)
		}
		g.add(l.Name, squares, numeral.Count(l.DF), df, show(l.F), numeral.Probability(l.P), ratio(l.Eta2), ratio(l.Omega2))
	}
	return g
}

// rows lists cells and contrasts in one table.
func (r factorial) rows() [][]string {
	rows := [][]string{{"kind", "name", "estimate", "low", "high", "sd", "t", "df", "p", "p_holm", "low_adjusted", "high_adjusted", "p_adjusted", "n", "method", "verdict"}}
	for _, c := range r.Cells {
		rows = append(rows, []string{"cell", strings.Join(c.Levels, " + "), numeral.Exact(c.Mean), "", "", numeral.Exact(c.SD), "", "", "", "", "", "", "", strconv.Itoa(c.N), "", ""})
	}
	for _, c := range r.Contrasts {
		rows = append(rows, []string{c.Kind, c.Name, numeral.Exact(c.Estimate), numeral.Exact(c.Low), numeral.Exact(c.High), "", numeral.Exact(c.T), numeral.Exact(c.DF), numeral.Exact(c.P), numeral.Exact(c.PHolm),
			numeral.Exact(c.LowAdjusted), numeral.Exact(c.HighAdjusted), numeral.Exact(c.PAdjusted), strconv.Itoa(trialsOf(c)), c.Method, c.Verdict})
	}
	return rows
}

// trialsOf is the number of trials that a contrast is based on.
func trialsOf(c answer.Contrast) (n int) {
	for _, v := range c.N {
		n += v
	}
	return n
}
