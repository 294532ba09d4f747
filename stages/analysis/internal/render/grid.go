package render

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ablate/stages/answer"
	"ablate/stages/answer/textwidth"
)

// Grid is a table. The first row is its head.
type Grid struct {
	rows  [][]string
	right []bool            // columns of numbers, which are aligned right
	notes map[[2]int]string // by row and column: the text shown when a reader points at the cell
}

// newGrid begins a table with left-aligned and then right-aligned columns.
func newGrid(left, right int) *Grid {
	g := &Grid{}
	for i := range left + right {
		g.right = append(g.right, i >= left)
	}
	return g
}

func (g *Grid) add(cells ...string) {
	cells = slices.Clone(cells)
	for i, c := range cells {
		if strings.ContainsFunc(c, unicode.IsControl) { // a level may be any text, and a line is a row
			cells[i] = strings.Trim(strconv.Quote(c), `"`)
		}
	}
	g.rows = append(g.rows, cells)
}

// note attaches a text to a cell of the last row.
func (g *Grid) note(column int, text string) {
	if text == "" {
		return
	}
	if g.notes == nil {
		g.notes = make(map[[2]int]string)
	}
	g.notes[[2]int{len(g.rows) - 1, column}] = text
}

// text aligns the columns and draws a rule under the head.
func (g *Grid) text() string {
	widths := make([]int, len(g.rows[0]))
	for _, r := range g.rows {
		for i, c := range r {
			widths[i] = max(widths[i], textwidth.Of(c))
		}
	}
	var b strings.Builder
	for n, r := range g.rows {
		b.WriteString(g.line(r, widths) + "\n")
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

// line is one row of the text form.
func (g *Grid) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", widths[i]-textwidth.Of(c))
		if i > 0 {
			b.WriteString("   ")
		} else {
			b.WriteString("  ")
		}
		if g.right[i] {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// markdown is the table in GitHub's Markdown.
func (g *Grid) markdown() string {
	var b strings.Builder
	for n, r := range g.rows {
		escaped := make([]string, len(r))
		for i, c := range r {
			escaped[i] = answer.MarkdownCell(c)
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

// html is the table in HTML. Columns of numbers have a class.
func (g *Grid) html() string {
	var b strings.Builder
	b.WriteString("<div class=\"scroll\"><table>\n")
	for n, r := range g.rows {
		tag := "td"
		switch n {
		case 0:
			tag = "th"
			b.WriteString("<thead>\n")
		case 1:
			b.WriteString("<tbody>\n")
		}
		b.WriteString("<tr>")
		for i, c := range r {
			attributes := ""
			if g.right[i] {
				attributes = " class=\"number\""
			}
			if note := g.notes[[2]int{n, i}]; note != "" {
				attributes += " title=\"" + template.HTMLEscapeString(note) + "\""
			}
			fmt.Fprintf(&b, "<%s%s>%s</%s>", tag, attributes, template.HTMLEscapeString(c), tag)
		}
		b.WriteString("</tr>\n")
		if n == 0 {
			b.WriteString("</thead>\n")
		}
	}
	b.WriteString("</tbody></table></div>\n")
	return b.String()
}

// CSV is rows in the CSV format.
func CSV(rows [][]string) (string, error) {
	var b strings.Builder
	err := csv.NewWriter(&b).WriteAll(rows)
	return b.String(), err
}
