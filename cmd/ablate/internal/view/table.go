package view

import (
	"slices"
	"strings"
)

// table is rows below a head, laid out for a terminal.
type table struct {
	head  []string
	right []bool // columns of numbers
	rows  [][]string
	spare []string // heads of columns that narrow terminals do without, the least important first
	dear  []string // heads of further ones, which are left out where breaking texts does not help
}

// apart is the space between two columns.
const apart = 3

// text lays the table out in a width; 0 is any width. Where it does not fit, columns
// are left out and named below. Where that is not enough, long texts take several lines, and
// else each row becomes a list.
func (t table) text(width int) string {
	kept := t
	var out []string
	for n, name := range slices.Concat(t.spare, t.dear) {
		if kept.fits(width) || n >= len(t.spare) && kept.wrapped(width).fits(width) {
			break
		}
		if i := slices.Index(kept.head, name); i > 0 {
			kept, out = kept.without(i), append(out, name)
		}
	}
	if !kept.fits(width) {
		kept = kept.wrapped(width)
	}
	if !kept.fits(width) {
		return t.list(width)
	}
	s := kept.grid()
	if len(out) > 0 {
		s += fitLine("  Left out in this width: "+strings.Join(out, ", ")+".", width) + "\n"
	}
	return s
}

func (t table) widths() []int {
	out := make([]int, len(t.head))
	for _, r := range append([][]string{t.head}, t.rows...) {
		for i, c := range r {
			for _, l := range strings.Split(c, "\n") {
				out[i] = max(out[i], cells(l))
			}
		}
	}
	return out
}

func (t table) total() int {
	n := 2 + apart*(len(t.head)-1)
	for _, w := range t.widths() {
		n += w
	}
	return n
}

func (t table) fits(width int) bool { return width == 0 || t.total() <= width }

// wrapped breaks the widest column of texts to what is left of a width, as far as that is
// readable.
func (t table) wrapped(width int) table {
	widths := t.widths()
	widest := -1
	for i, w := range widths {
		if !t.right[i] && (widest < 0 || w > widths[widest]) {
			widest = i
		}
	}
	room := 0
	if widest >= 0 {
		room = widths[widest] - (t.total() - width)
	}
	if room < leastText {
		return t
	}
	const indent = "  "
	out := t
	out.rows = nil
	for _, r := range t.rows {
		r = slices.Clone(r)
		r[widest] = strings.Join(broken(r[widest], room, room-len(indent)), "\n"+indent)
		out.rows = append(out.rows, r)
	}
	return out
}

// without is the table without a column.
func (t table) without(i int) table {
	cut := func(r []string) []string { return slices.Delete(slices.Clone(r), i, i+1) }
	out := table{head: cut(t.head), right: slices.Delete(slices.Clone(t.right), i, i+1)}
	for _, r := range t.rows {
		out.rows = append(out.rows, cut(r))
	}
	return out
}

func (t table) grid() string {
	widths := t.widths()
	var b strings.Builder
	for n, r := range append([][]string{t.head}, t.rows...) {
		for line, more := 0, true; more; line++ {
			more = false
			parts := make([]string, len(r))
			for i, c := range r {
				lines := strings.Split(c, "\n")
				own := ""
				if line < len(lines) {
					own = lines[line]
				}
				more = more || line+1 < len(lines)
				parts[i] = padded(own, widths[i], t.right[i])
			}
			b.WriteString(strings.TrimRight("  "+strings.Join(parts, strings.Repeat(" ", apart)), " ") + "\n")
		}
		if n == 0 {
			b.WriteString("  " + strings.Repeat("─", t.total()-2) + "\n")
		}
	}
	return b.String()
}

// list writes each row as its first column, and the others below with their names.
func (t table) list(width int) string {
	names := 0
	for _, h := range t.head[1:] {
		names = max(names, cells(h))
	}
	var b strings.Builder
	for _, r := range t.rows {
		b.WriteString(fitLine("  "+ofFactor(t.head[0], r[0]), width) + "\n")
		for i, c := range r[1:] {
			if c != "" {
				b.WriteString(fitLine("    "+padded(t.head[i+1], names, false)+"  "+c, width) + "\n")
			}
		}
	}
	return b.String()
}
