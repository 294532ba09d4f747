package analysis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// section is one part of a rendered result.
type section struct {
	title string
	grid  *grid
	lines []string
}

// sections is the result in reading order, for text and Markdown alike.
func (r *result) sections() []section {
	out := []section{{title: "Cell means ± s.d. of " + r.measure(), grid: r.cellGrid(), lines: []string{r.about()}}}
	if g := r.contrastGrid("declared"); g != nil {
		s := section{title: "Declared contrasts", grid: g}
		if r.Standing != nil {
			s.lines = r.Standing.lines()
		}
		out = append(out, s)
	}
	for _, part := range []struct{ kind, title string }{
		{"gap", "Gaps to the baseline level"}, {"main", "Main effects, averaged over the other factors"},
	} {
		if g := r.contrastGrid(part.kind); g != nil {
			out = append(out, section{title: part.title, grid: g})
		}
	}
	if lines := r.interactionLines(); lines != nil {
		out = append(out, section{title: "Interactions: does one factor's gap depend on the other?", lines: lines})
	}
	if len(r.Anova) > 0 {
		out = append(out, section{title: "Analysis of variance (" + r.AnovaBy + ")", grid: r.anovaGrid()})
	}
	return warned(out, r.Warnings)
}

// warned adds the warnings, if there are any.
func warned(sections []section, warnings []string) []section {
	if len(warnings) == 0 {
		return sections
	}
	return append(sections, section{title: "Warnings", lines: warnings})
}

// anovaGrid tabulates the analysis of variance.
func (r *result) anovaGrid() *grid {
	g := &grid{right: []bool{false, true, true, true, true, true, true}}
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

func (r *result) measure() string {
	switch r.At {
	case "final":
		return r.Response + " at the last step"
	case "best":
		return "the lowest " + r.Response
	}
	return r.Response + " at step " + r.At
}

// about says what the numbers rest on.
func (r *result) about() string {
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
func (r *result) cellGrid() *grid {
	if len(r.Factors) == 2 {
		return r.crossGrid()
	}
	g := &grid{}
	var head []string
	for _, f := range r.Factors {
		head, g.right = append(head, f.Name), append(g.right, false)
	}
	g.right = append(g.right, true, true)
	g.add(append(head, "mean ± s.d.", "n")...)
	for _, c := range r.Cells {
		g.add(append(append([]string{}, c.Levels...), c.show(), strconv.Itoa(c.N))...)
		g.hover(len(c.Levels), c.exact())
	}
	return g
}

func (r *result) crossGrid() *grid {
	down, across := r.Factors[0], r.Factors[1]
	if len(across.Levels) > len(down.Levels) {
		down, across = across, down
	}
	flipped := down.Name != r.Factors[0].Name
	g := &grid{right: []bool{false}}
	head := []string{down.Name}
	for _, l := range across.Levels {
		head, g.right = append(head, l), append(g.right, true)
	}
	g.add(head...)
	for _, l := range down.Levels {
		line := []string{l}
		var behind []string
		for _, m := range across.Levels {
			levels := []string{l, m}
			if flipped {
				levels = []string{m, l}
			}
			c := r.cell(levels)
			line, behind = append(line, c.show()), append(behind, c.exact())
		}
		g.add(line...)
		for i, text := range behind {
			g.hover(i+1, text)
		}
	}
	return g
}

func (r *result) cell(levels []string) resultCell {
	for _, c := range r.Cells {
		if slices.Equal(c.Levels, levels) {
			return c
		}
	}
	return resultCell{}
}

func (c resultCell) show() string {
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

// contrastGrid tabulates the contrasts of one kind; nil when there are none.
func (r *result) contrastGrid(kind string) *grid {
	g := &grid{right: []bool{false, true, true, true, true}}
	head := []string{"", "estimate", r.percent() + " interval", "p (Holm)", "test"}
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
		line := []string{c.Name, signed(c.Estimate), c.interval(), probability(c.PHolm), c.test()}
		if r.Bootstrap != "" {
			line = append(line, c.bootstrap())
		}
		if frozen {
			line = append(line, c.standing())
		}
		g.add(line...)
		g.hover(1, c.exact())
	}
	if len(g.rows) == 1 {
		return nil
	}
	return g
}

// standing is planned or exploratory.
func (c resultContrast) standing() string {
	if c.Planned {
		return "planned"
	}
	return "exploratory: changed after the freeze"
}

// exact is all that is known of a contrast, in full precision.
func (c resultContrast) exact() string {
	var parts []string
	for _, x := range []struct {
		name  string
		value *float64
	}{{"estimate", c.Estimate}, {"low", c.Low}, {"high", c.High}, {"t", c.T}, {"df", c.DF}, {"p", c.P}, {"p (Holm)", c.PHolm}} {
		if x.value != nil {
			parts = append(parts, x.name+" "+exact(x.value))
		}
	}
	return join(parts)
}

// exact is the responses behind a cell, by replicate.
func (c resultCell) exact() string {
	var parts []string
	for i, v := range c.Values {
		parts = append(parts, strings.TrimSpace(c.Replicates[i]+" "+exact(&v)))
	}
	return join(parts)
}

func (r *result) percent() string { return strconv.FormatFloat(100*r.Confidence, 'g', 4, 64) + " %" }

func (c resultContrast) interval() string {
	if c.Low == nil {
		return ""
	}
	return "[" + signed(c.Low) + ", " + signed(c.High) + "]"
}

func (c resultContrast) bootstrap() string {
	if c.BootLow == nil {
		return ""
	}
	return "[" + signed(c.BootLow) + ", " + signed(c.BootHigh) + "]"
}

func (c resultContrast) test() string {
	switch c.Method {
	case "paired t":
		return fmt.Sprintf("paired t, n = %d", c.N)
	case "Welch t":
		return fmt.Sprintf("Welch t, df = %.1f", *c.DF)
	}
	return c.Method
}

// interactionLines says each interaction in a sentence.
func (r *result) interactionLines() []string {
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
			line += fmt.Sprintf(", %s interval %s, p (Holm) %s, %s", r.percent(), c.interval(), probability(c.PHolm), c.test())
			if c.BootLow != nil {
				line += ", bootstrap " + c.bootstrap()
			}
		default:
			line += ", no interval"
		}
		out = append(out, line)
	}
	return out
}

// csv lists cells and contrasts in one table, in full precision.
func (r *result) csv() (string, error) {
	rows := [][]string{{"kind", "name", "estimate", "low", "high", "sd", "t", "df", "p", "p_holm", "n", "method"}}
	for _, c := range r.Cells {
		rows = append(rows, []string{"cell", strings.Join(c.Levels, " + "), exact(c.Mean), "", "", exact(c.SD), "", "", "", "", strconv.Itoa(c.N), ""})
	}
	for _, c := range r.Contrasts {
		rows = append(rows, []string{c.Kind, c.Name, exact(c.Estimate), exact(c.Low), exact(c.High), "", exact(c.T), exact(c.DF), exact(c.P), exact(c.PHolm), strconv.Itoa(c.N), c.Method})
	}
	return csvOf(rows)
}

func renderText(sections []section) string {
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(s.title + "\n\n")
		if s.grid != nil {
			b.WriteString(s.grid.text())
		}
		for j, line := range s.lines {
			if s.grid != nil && j == 0 {
				b.WriteString("\n")
			}
			b.WriteString(wrap(line, 92))
		}
	}
	return b.String()
}

// wrap breaks a line at spaces, indenting it by two and what follows by four.
func wrap(line string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Split(line, " ") {
		n := len([]rune(word))
		switch {
		case i == 0:
			b.WriteString("  ")
			at = 2
		case at+1+n > width:
			b.WriteString("\n    ")
			at = 4
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String() + "\n"
}

func renderMarkdown(sections []section) string {
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("### " + s.title + "\n\n")
		if s.grid != nil {
			b.WriteString(s.grid.markdown())
		}
		if s.grid != nil && len(s.lines) > 0 {
			b.WriteString("\n")
		}
		for _, line := range s.lines {
			if s.grid == nil {
				line = "- " + line
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
