package answer

import (
	"regexp"
	"strings"
	"unicode"
)

// Labels, metrics and levels are text of the study, and documents are read where
// Markdown may hold HTML. Only what could become a tag, an entity, a link, a picture or
// a code span is escaped, so that a document is readable as it is.

var (
	escapes = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]|`|&#?[0-9A-Za-z]+;")
	opens   = regexp.MustCompile(`<[A-Za-z/!?]|\][(\[:]`)
	ticks   = regexp.MustCompile("`+")
)

// PlainMarkdown writes a line of text so that Markdown shows it as it is.
func PlainMarkdown(s string) string {
	s = escapes.ReplaceAllString(oneLine(s), `\$0`)
	return opens.ReplaceAllStringFunc(s, func(m string) string {
		if m[0] == '<' {
			return `\` + m
		}
		return `]\` + m[1:]
	})
}

// MarkdownCell is PlainMarkdown in a cell of a table.
func MarkdownCell(s string) string { return strings.ReplaceAll(PlainMarkdown(s), "|", `\|`) }

// MarkdownCode writes a line of text as code in a cell of a table.
func MarkdownCode(s string) string {
	fence, s := fenceOf(s, 1), oneLine(s)
	if len(fence) > 1 {
		s = " " + s + " " // which Markdown drops again
	}
	return strings.ReplaceAll(fence+s+fence, "|", `\|`)
}

// MarkdownBlock writes text of several lines as a block of code.
func MarkdownBlock(s string) string {
	fence := fenceOf(s, 3)
	return fence + "\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}

// fenceOf is a run of backticks that a text does not contain.
func fenceOf(s string, least int) string {
	for _, run := range ticks.FindAllString(s, -1) {
		least = max(least, len(run)+1)
	}
	return strings.Repeat("`", least)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
