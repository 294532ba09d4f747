package view

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"ablate/hcl/diag"
)

// widestText is the column where details wrap, on terminals that are not narrower.
const widestText = 78

// textWidth is the column where details wrap.
func (v *View) textWidth() int {
	if n := v.columns(v.opts.Stderr); n > 0 {
		return min(n, widestText)
	}
	return widestText
}

// Diagnostics prints errors and warnings with the lines that they are about.
func (v *View) Diagnostics(list diag.List) {
	for _, d := range list {
		if v.opts.JSON {
			v.object(diagnosticOf(d))
		} else {
			v.Note("%s", v.diagnostic(d))
		}
	}
	errors := 0
	for _, d := range list {
		if d.Severity == diag.Error {
			errors++
		}
	}
	if errors > 1 && !v.opts.JSON {
		v.Note("%d errors.", errors)
	}
}

// Diagnostic reports an error or a warning.
type Diagnostic struct {
	Severity string `json:"severity" doc:"error or warning"`
	Summary  string `json:"summary" doc:"what is wrong, in a fixed phrase"`
	Detail   string `json:"detail" doc:"what is wrong and what to do"`
	Address  string `json:"address,omitempty" doc:"the instance"`
	File     string `json:"file,omitempty" doc:"the file"`
	Line     int    `json:"line,omitempty" doc:"line, from 1"`
	Column   int    `json:"column,omitempty" doc:"column, from 1"`
}

func (Diagnostic) kind() string { return "diagnostic" }

func diagnosticOf(d diag.Diagnostic) Diagnostic {
	o := Diagnostic{Severity: strings.ToLower(d.Severity.String()), Summary: d.Summary, Detail: d.Detail, Address: d.Address}
	if d.Range != nil {
		o.File, o.Line, o.Column = d.Range.Filename, d.Range.Start.Line, d.Range.Start.Column
	}
	return o
}

func (v *View) diagnostic(d diag.Diagnostic) string {
	colour := red
	if d.Severity == diag.Warning {
		colour = yellow
	}
	var b strings.Builder
	b.WriteString(v.paint(colour, d.Severity.String()+":") + " " + v.paint(bold, d.Summary) + "\n")
	if d.Range != nil {
		b.WriteString("\n" + v.snippet(*d.Range, colour))
	}
	if strings.HasSuffix(d.Address, "]") { // one of several instances that the source stands for
		b.WriteString("  " + v.paint(dim, "in") + " " + d.Address + andMore(d.Others) + "\n")
	}
	b.WriteString("\n" + wrap(d.Detail, v.textWidth(), "  "))
	return b.String()
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// snippet quotes the first line of a range and underlines the range.
func (v *View) snippet(r diag.Range, colour string) string {
	place := fmt.Sprintf("  %s %s\n", v.paint(dim, "on"), r.String())
	source, known := v.sources[r.Filename]
	if !known || r.Start.Line == 0 || r.Start.Line > len(source()) {
		return place
	}
	line := []rune(strings.Map(printable, strings.TrimRight(source()[r.Start.Line-1], "\r")))
	number := fmt.Sprint(r.Start.Line)
	at := min(r.Start.Column-1, len(line))
	width := len(line) - at
	if r.End.Line == r.Start.Line {
		width = r.End.Column - r.Start.Column
	}
	line, at, width = excerpt(line, at, width, quoted(v.columns(v.opts.Stderr), len(number)))
	gap := strings.Repeat(" ", len(number))
	return place + fmt.Sprintf("  %s %s %s\n  %s %s %s%s\n", number, v.paint(dim, "│"), string(line),
		gap, v.paint(dim, "│"), strings.Repeat(" ", at), v.paint(colour, strings.Repeat("^", max(1, width))))
}

// quoted is how many characters of a line are quoted, beside a number of so many
// digits, in a terminal of so many columns; 0 for none.
func quoted(columns, digits int) int {
	const longest, least, around = 160, 40, 5
	if columns > 0 {
		return min(longest, max(least, columns-digits-around))
	}
	return longest
}

// excerpt cuts a long line to what surrounds a place in it.
func excerpt(line []rune, at, width, longest int) ([]rune, int, int) {
	if len(line) <= longest {
		return line, at, width
	}
	before := longest / 4
	from := max(0, min(at-before, len(line)-longest))
	to := min(len(line), from+longest)
	cut := slices.Clone(line[from:to])
	if from > 0 {
		cut[0] = '…'
	}
	if to < len(line) {
		cut[len(cut)-1] = '…'
	}
	return cut, at - from, min(width, to-at)
}

// printable replaces control characters, which a terminal would obey.
func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r):
		return unicode.ReplacementChar
	}
	return r
}

// wrap breaks text at spaces. Lines that begin with four spaces are commands and
// stay whole.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	for _, paragraph := range strings.Split(text, "\n") {
		if strings.HasPrefix(paragraph, "    ") {
			b.WriteString(indent + paragraph + "\n")
			continue
		}
		at := 0
		for i, word := range strings.Fields(paragraph) {
			n := cells(word)
			switch {
			case i == 0:
				b.WriteString(indent)
				at = len(indent)
			case at+1+n > width:
				b.WriteString("\n" + indent)
				at = len(indent)
			default:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += n
		}
		b.WriteByte('\n')
	}
	return b.String()
}
