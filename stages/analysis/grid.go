package analysis

import (
	"encoding/csv"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// grid is a table of cells to be laid out. The first row is the head.
type grid struct {
	rows  [][]string
	right []bool // columns of numbers
	notes map[[2]int]string
}

// hover adds what a page says of a cell of the last row when it is pointed at.
func (g *grid) hover(column int, text string) {
	if text == "" {
		return
	}
	if g.notes == nil {
		g.notes = make(map[[2]int]string)
	}
	g.notes[[2]int{len(g.rows) - 1, column}] = text
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// text aligns the columns, with a rule under the head.
func (g *grid) text() string {
	widths := make([]int, len(g.rows[0]))
	for _, r := range g.rows {
		for i, c := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, r := range g.rows {
		var line strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line.WriteString("   ")
			} else {
				line.WriteString("  ")
			}
			if g.right[i] {
				line.WriteString(pad + c)
			} else {
				line.WriteString(c + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		if n == 0 {
			total := 3 * (len(widths) - 1)
			for _, w := range widths {
				total += w
			}
			b.WriteString("  " + strings.Repeat("─", total) + "\n")
		}
	}
	return b.String()
}

// markdown lays the table out for a README.
func (g *grid) markdown() string {
	var b strings.Builder
	for n, r := range g.rows {
		escaped := make([]string, len(r))
		for i, c := range r {
			escaped[i] = strings.ReplaceAll(c, "|", "\\|")
		}
		b.WriteString("| " + strings.Join(escaped, " | ") + " |\n")
		if n > 0 {
			continue
		}
		for _, right := range g.right {
			if right {
				b.WriteString("|---:")
			} else {
				b.WriteString("|---")
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// csvOf writes rows as CSV.
func csvOf(rows [][]string) (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return "", err
	}
	return b.String(), nil
}

// decimals prints a number with four.
func decimals(v float64) string { return typeset("%.4f", v) }

// signed prints a number with its sign.
func signed(v *float64) string {
	if v == nil {
		return ""
	}
	return typeset("%+.4f", *v)
}

// typeset prints a number with a typographer's minus, and with none when it
// rounds to zero.
func typeset(format string, v float64) string {
	s := fmt.Sprintf(format, v)
	if !strings.ContainsAny(s, "123456789") && !math.IsInf(v, 0) && !math.IsNaN(v) {
		s = fmt.Sprintf(format, 0.0)
	}
	return strings.Replace(s, "-", "−", 1)
}

// probability prints a p-value.
func probability(p *float64) string {
	switch {
	case p == nil:
		return ""
	case *p < 1e-4:
		return "< 0.0001"
	}
	return fmt.Sprintf("%.4f", *p)
}
