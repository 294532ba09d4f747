package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func (e Analysis) fitted(width int) string {
	switch {
	case e.Heading == "" && e.Text == "": // a form for other programs
		return e.text()
	case !e.ours() || strings.Contains(e.Tables, "```"): // what a program printed
		return fit(e.text(), width)
	}
	tables := e.Tables
	if e.Brief {
		tables = withoutDetails(tables, markdownTitle)
	}
	return e.heading(width) + fitMarkdown(tables, width)
}

func (e Analysis) text() string {
	switch {
	case e.Heading == "":
		return e.Body
	case e.Brief && e.ours():
		return e.heading(0) + withoutDetails(e.Body, "")
	}
	return e.heading(0) + e.Body
}

// ours reports whether an analysis of this program wrote the tables.
func (e Analysis) ours() bool { return strings.HasPrefix(e.Tables, markdownTitle) }

// heading is the name of the analysis and what it found.
func (e Analysis) heading(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", e.Heading)
	for i, f := range e.Findings {
		if e.Brief && i == mostFindings && len(e.Findings) > mostFindings+1 {
			fmt.Fprintf(&b, "  … and %d more\n", len(e.Findings)-i)
			break
		}
		b.WriteString(fit("  "+f.Text+"\n", cmp.Or(width, textWidth)))
	}
	if len(e.Findings) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// textWidth is the width of text without a terminal.
const textWidth = 92

// mostFindings is how many sentences a brief rendering shows.
const mostFindings = 6

// markdownTitle begins the title of a section. In text, a title is a line that is not
// indented.
const markdownTitle = "### "

// details are the sections of an analysis that support its result, by the beginnings of
// their titles.
var details = []string{"Analysis of variance", "Sensitivity", "Assumptions"}

// withoutDetails leaves those sections out. Lines with mark, which may be "", are titles if
// they are not indented.
func withoutDetails(text, mark string) string {
	var b strings.Builder
	skipped := false
	for _, l := range strings.SplitAfter(text, "\n") {
		if title, ok := strings.CutPrefix(l, mark); ok && strings.TrimSpace(title) != "" && !strings.HasPrefix(title, " ") {
			skipped = isDetail(title)
		}
		if !skipped {
			b.WriteString(l)
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// isDetail reports whether a title is that of a detail. Where an analysis has several
// responses, it begins with the response.
func isDetail(title string) bool {
	_, own, _ := strings.Cut(title, ": ")
	return slices.ContainsFunc(details, func(d string) bool { return strings.HasPrefix(title, d) || strings.HasPrefix(own, d) })
}
