package view

import (
	"fmt"
	"strings"

	"ablate/hcl/diag"
)

// textWidth is where details wrap.
const textWidth = 78

// Diagnostics draws findings with the lines they are about.
func (v *View) Diagnostics(list diag.List) {
	for _, d := range list {
		v.Object(diagnosticObject(d))
		if !v.opts.JSON {
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

// diagnosticLine is a finding for programs.
type diagnosticLine struct {
	Type     string `json:"type"`
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

func diagnosticObject(d diag.Diagnostic) diagnosticLine {
	o := diagnosticLine{
		Type: "diagnostic", Severity: strings.ToLower(d.Severity.String()), Summary: d.Summary, Detail: d.Detail, Address: d.Address,
	}
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
	b.WriteString("\n" + wrap(d.Detail, textWidth, "  "))
	return b.String()
}

// snippet quotes the first line of a range and points at what is meant.
func (v *View) snippet(r diag.Range, colour string) string {
	place := fmt.Sprintf("  %s %s\n", v.paint(dim, "on"), r.String())
	if r.Start.Line == 0 {
		return place
	}
	lines := strings.Split(string(v.sources[r.Filename]), "\n")
	if r.Start.Line > len(lines) {
		return place
	}
	line := strings.TrimRight(lines[r.Start.Line-1], "\r")
	number := fmt.Sprint(r.Start.Line)
	lead := []rune(line)[:min(r.Start.Column-1, len([]rune(line)))]
	width := len([]rune(line)) - len(lead)
	if r.End.Line == r.Start.Line {
		width = r.End.Column - r.Start.Column
	}
	gap := strings.Repeat(" ", len(number))
	return place + fmt.Sprintf("  %s %s %s\n  %s %s %s%s\n", number, v.paint(dim, "│"), strings.ReplaceAll(line, "\t", " "),
		gap, v.paint(dim, "│"), strings.Repeat(" ", len(lead)), v.paint(colour, strings.Repeat("^", max(1, width))))
}

// wrap breaks text at spaces; lines that begin with four spaces are commands
// and stay whole.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	for _, paragraph := range strings.Split(text, "\n") {
		if strings.HasPrefix(paragraph, "    ") {
			b.WriteString(indent + paragraph + "\n")
			continue
		}
		at := 0
		for i, word := range strings.Fields(paragraph) {
			n := len([]rune(word))
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
