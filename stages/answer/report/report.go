// Package report writes the report of a study as a page: what was asked and found,
// what was trained, and the effects, curves and tables of its analyses. It reads the
// documents of the analyses and computes no statistics.
//
// The page is written when a user asks for it and is no artifact: it says which
// machines trained, how long they took, and which commands compute the results again,
// which is in no key. It needs no network, no script to be read, and no fonts.
package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"sync"
	"time"
	"unicode"

	"ablate/stages/answer"
	"ablate/stages/answer/figure"
)

// Source is what a report is written from.
type Source struct {
	Document  answer.Report
	Study     string
	Question  string // description of the study
	Chapters  []Chapter
	Trials    []Trial
	Factors   []Factor // without the replicate, in the order of the levels of trials
	Replicate string   // name of the factor that repeats the experiment
	Fixed     []Part   // what all trials have in common
	Origins   []Origin
	Program   string // version of the program that writes the report
	Command   string // that writes it again
}

// Chapter is one analysis with what it left.
type Chapter struct {
	answer.ReportChapter
	Kind     string // type of the analysis
	Key      string
	Result   []byte // its document
	Fragment string // its tables as HTML, written by this program
	Command  string // that computes it again
	Rows     string // the command that writes the rows it is based on
}

// Factor is an axis of the design.
type Factor struct {
	Name   string
	Levels []Level
}

// Level is one level of a factor, with what it sets.
type Level struct {
	Label    string
	Settings []Setting
}

// Part is a stage that all trials share, with its settings.
type Part struct {
	Role, Address string
	Settings      []Setting
}

// Setting is one field of a spec.
type Setting struct {
	Name, Value string
	Math        template.HTML // the value typeset, where it is a formula: see MathML
}

// Trial is one trial of the study.
type Trial struct {
	Address, Key string
	Levels       []string // labels, one for each factor
	Replicate    string
	State        string // done, diverged or missing
	Curves       map[string]figure.Curve
	Seconds      float64
	Host         string // with its system and numerics class
	Program      string // digest of the executable that trained it
	Threads      int
	Finished     time.Time
	Parameters   int64
	Tokens       int64
	FLOPs        float64
	Command      string // that computes it again
	Rows         string // the command that writes its rows
}

// Origin says how one result came about.
type Origin struct {
	Address   string
	Key       string
	Result    string // digest
	Host      string
	Finished  string
	Seconds   float64
	Repeats   string // what repetitions found, if any
	Recompute string // the command
}

//go:embed page.tmpl page.css page.js
var files embed.FS

// pageForm is parsed when a report is first written, not at the start of every command.
var pageForm = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
		"inc": func(i int) int { return i + 1 }, "short": func(s string, n int) string { return s[:min(n, len(s))] },
	}).ParseFS(files, "page.tmpl"))
})

// HTML writes the report as one page that refers to no other file.
func HTML(s Source) ([]byte, error) {
	p, err := newPage(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := pageForm().Execute(&b, p); err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return b.Bytes(), nil
}

// Figures lists the figures of the report.
func Figures(s Source) ([]figure.Figure, error) {
	p, err := newPage(s)
	if err != nil {
		return nil, err
	}
	var out []figure.Figure
	for _, c := range p.Chapters {
		out = append(out, c.named()...)
	}
	return append(out, p.curves...), nil
}

// FiguresOf lists the figures of one analysis.
func FiguresOf(c Chapter) ([]figure.Figure, error) {
	drawn, err := newChapter(c, "")
	if err != nil {
		return nil, fmt.Errorf("reading the result of %s: %w", c.Address, err)
	}
	return drawn.named(), nil
}

// named lists the figures of a chapter. Their names begin with that of the analysis.
func (c chapter) named() []figure.Figure {
	stage, key, _ := strings.Cut(c.Address, "[") // levels have dots, too
	name := stage[strings.LastIndex(stage, ".")+1:]
	if key != "" {
		name += "[" + key
	}
	var out []figure.Figure
	for _, f := range c.pictures {
		f.Name = name + "-" + f.Name
		out = append(out, f)
	}
	return out
}

// Markdown appends provenance to the stored text of a report.
func Markdown(text []byte, origins []Origin) []byte {
	var b strings.Builder
	b.Write(text)
	b.WriteString("\n## Provenance\n\n| what | key | result | computed | seconds | repeats |\n|---|---|---|---|---:|---|\n")
	for _, o := range origins {
		fmt.Fprintf(&b, "| %s | %s | %s | %s on %s | %.1f | %s |\n", answer.MarkdownCode(o.Address), o.Key, o.Result,
			answer.MarkdownCell(o.Finished), answer.MarkdownCell(o.Host), o.Seconds, answer.MarkdownCell(o.Repeats))
	}
	return []byte(strings.Map(visible, b.String()))
}

// visible replaces control characters, which a name may have and a terminal would obey.
func visible(r rune) rune {
	if unicode.IsControl(r) && r != '\n' {
		return unicode.ReplacementChar
	}
	return r
}
