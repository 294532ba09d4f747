package render

import (
	"fmt"
	"html/template"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/textwidth"
)

// lineWidth is the width at which text is wrapped.
const lineWidth = 92

// Text is the plain text form, for terminals.
func Text(sections []Section) string {
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(s.Title + "\n\n")
		if s.Grid != nil {
			b.WriteString(s.Grid.text())
		}
		for j, line := range s.Lines {
			if s.Grid != nil && j == 0 {
				b.WriteString("\n")
			}
			b.WriteString(wrap(line, lineWidth))
		}
	}
	return b.String()
}

// wrap breaks a line at spaces. The first line is indented by two, the others
// by four.
func wrap(line string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Split(line, " ") {
		n := textwidth.Of(word)
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

// Markdown is the form for READMEs and issues.
func Markdown(sections []Section) string {
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("### " + answer.PlainMarkdown(s.Title) + "\n\n")
		if s.Grid != nil {
			b.WriteString(s.Grid.markdown())
		}
		if s.Grid != nil && len(s.Lines) > 0 {
			b.WriteString("\n")
		}
		for _, line := range s.Lines {
			line = answer.PlainMarkdown(line)
			if s.Grid == nil {
				line = "- " + line
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// html is headings, tables and paragraphs, to be placed on a page.
func html(sections []Section) string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "<h3>%s</h3>\n", template.HTMLEscapeString(s.Title))
		if s.Grid != nil {
			b.WriteString(s.Grid.html())
		}
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "<p>%s</p>\n", template.HTMLEscapeString(line))
		}
	}
	return b.String()
}
