package view

import (
	"cmp"
	"io"
	"regexp"
	"strings"
)

// Help prints the help of a command, broken for the width of the terminal, also with
// --json.
func (v *View) Help(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := io.WriteString(v.opts.Stdout, fitHelp(text, v.columns(v.opts.Stdout)))
	v.lost = cmp.Or(v.lost, err)
}

// entry matches a line of a list: a name, and what it is about in a column of its own.
var entry = regexp.MustCompile(`^( +\S.*?  +)(\S.*)$`)

// fitHelp joins the lines of paragraphs and breaks them for a width; 0 leaves the text as
// it is. What lists say stays in its column.
func fitHelp(text string, width int) string {
	if width == 0 {
		return text
	}
	var b strings.Builder
	var paragraph []string
	end := func() {
		if len(paragraph) > 0 {
			b.WriteString(wrap(strings.Join(paragraph, " "), width, ""))
		}
		paragraph = nil
	}
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if l != "" && l[0] != ' ' && !strings.HasSuffix(l, ":") {
			paragraph = append(paragraph, l)
			continue
		}
		end()
		m := entry.FindStringSubmatch(l)
		if m == nil || cells(l) <= width || strings.HasPrefix(m[1], "  ablate ") {
			b.WriteString(fit(l, width) + "\n")
			continue
		}
		const least = 24 // for what a name is about
		column := cells(m[1])
		if width-column < least {
			b.WriteString(strings.TrimRight(m[1], " ") + "\n")
			m[1], column = "", 10
			b.WriteString(strings.Repeat(" ", column))
		}
		b.WriteString(m[1] + strings.Join(broken(m[2], width-column, width-column), "\n"+strings.Repeat(" ", column)) + "\n")
	}
	end()
	return b.String()
}
