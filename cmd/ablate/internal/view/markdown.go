package view

import (
	"slices"
	"strings"
)

// spareColumns are the columns of analyses that narrow terminals do without, the least
// important first.
var spareColumns = []string{"own error", "bootstrap-t", "test", "ω²", "η²", "error df", "sum of squares"}

// setColumns says what a table of an analysis does without. Where it has values that are
// adjusted for the number of comparisons, these are the ones to read, and the others go first.
func (t *table) setColumns() {
	t.spare = spareColumns
	if slices.Contains(t.head, "p (Holm)") {
		t.spare = append(slices.Clone(t.spare), "p")
	} else {
		t.dear = append(t.dear, "p")
	}
	if slices.Contains(t.head, "adjusted interval") {
		for _, name := range t.head {
			if strings.HasSuffix(name, "% interval") {
				t.dear = append(t.dear, name)
			}
		}
	}
	t.dear = append(t.dear, "p (Holm)")
}

// fitMarkdown lays out the Markdown of an analysis, which has headings, tables and
// paragraphs, for a terminal.
func fitMarkdown(text string, width int) string {
	var b strings.Builder
	var t *table
	end := func() {
		if t != nil {
			b.WriteString(t.text(width))
			t = nil
		}
	}
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(l, "|") && t == nil:
			t = &table{head: rowOf(l)}
			t.setColumns()
		case strings.HasPrefix(l, "|") && t.right == nil:
			for _, c := range rowOf(l) {
				t.right = append(t.right, strings.HasSuffix(c, ":"))
			}
		case strings.HasPrefix(l, "|"):
			t.rows = append(t.rows, rowOf(l))
		default:
			end()
			b.WriteString(paragraph(l, width))
		}
	}
	end()
	return b.String()
}

// paragraph is a heading, an item of a list or a line of text.
func paragraph(l string, width int) string {
	if heading, ok := strings.CutPrefix(l, "### "); ok {
		return wrap(heading, width, "")
	}
	if strings.TrimSpace(l) == "" {
		return "\n"
	}
	return wrap(strings.TrimPrefix(l, "- "), width, "  ")
}

// rowOf splits a row of a table.
func rowOf(l string) []string {
	l = strings.Trim(strings.ReplaceAll(l, `\|`, "\x00"), "|")
	parts := strings.Split(l, "|")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(p), "\x00", "|")
	}
	return parts
}
