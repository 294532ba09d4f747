package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed report.tmpl
var pageTemplate string

var pageForm = template.Must(template.New("report").Parse(pageTemplate))

// Page is a report: several analyses on one page.
type Page struct {
	Title, Text string
	Chapters    []Chapter
}

// Chapter is one analysis on a page.
type Chapter struct {
	ID, Label, Address string
	Sentences          []string
	Body               template.HTML
	Figures            []Picture
	Digest             string
	Markdown           string
}

// Picture is a figure with its caption.
type Picture struct {
	Caption string
	SVG     template.HTML
}

// figureNames lists the figures of all analyses in the order of a page, with
// their captions.
var figureNames = []struct{ name, caption string }{
	{"interaction", "Cell means with intervals. Parallel lines mean no interaction."},
	{"contrasts", "Every contrast with its interval, and thin its adjusted interval. The dotted line is no difference; a shaded band is the margin of equivalence."},
	{"recovery", "Share of the gap that each level wins back, with Fieller's intervals."},
	{"dose", "Means with intervals by dose; the dotted line is the reference."},
	{"curves", "The response by step: means with intervals."},
	{"trajectory", "Gaps by step, with a band that holds at all steps at once."},
	{"mechanism", "Probes in the last layer, mean of replicates."},
	{"heat", "Probes by layer and step, mean of replicates. All panels have one scale; lighter is more."},
}

// NewChapter makes a chapter of an analysis's outputs, which read returns by
// name, "" for one that it does not have. HTML and SVG were written by this
// package, which escapes them.
func NewChapter(id, label, address string, read func(name string) (string, error)) (Chapter, error) {
	c := Chapter{ID: id, Label: label, Address: address}
	body, err := read("html")
	if err != nil {
		return c, err
	}
	c.Body = template.HTML(body) // our own rendering, escaped there
	if c.Markdown, err = read("markdown"); err != nil {
		return c, err
	}
	for _, f := range figureNames {
		svg, err := read(f.name + ".svg")
		if err != nil {
			return c, err
		}
		if at := strings.Index(svg, "<svg"); at >= 0 {
			c.Figures = append(c.Figures, Picture{f.caption, template.HTML(svg[at:])}) // as above
		}
	}
	return c, nil
}

// Methods is the last section of every page.
func (Page) Methods() string { return methods }

const methods = "Every estimate is a linear combination of cell means. A gap is a level compared with its factor's baseline; a main effect is the gap averaged over all combinations of the other factors with equal weights; an interaction is the difference of two gaps. Unless an analysis says otherwise, the error of a contrast comes from the contrast of each replicate alone (paired t), or from Welch's t where replicates are not paired. Adjusted intervals hold for all contrasts of one kind in an analysis at once (Bonferroni); p (Holm) is adjusted in the same family. Sentences state an effect only where its adjusted interval excludes 0."

// HTML is the page as one file that refers to no other.
func (p Page) HTML() (string, error) {
	var b strings.Builder
	if err := pageForm.Execute(&b, p); err != nil {
		return "", fmt.Errorf("rendering the report: %w", err)
	}
	return b.String(), nil
}

// Markdown is the page without its figures.
func (p Page) Markdown() string {
	var b strings.Builder
	b.WriteString("# " + p.Title + "\n\n")
	if p.Text != "" {
		b.WriteString(p.Text + "\n\n")
	}
	for _, c := range p.Chapters {
		b.WriteString("## " + c.Label + "\n\n")
		for _, s := range c.Sentences {
			b.WriteString(s + "\n")
		}
		if len(c.Sentences) > 0 {
			b.WriteString("\n")
		}
		b.WriteString(c.Markdown + "\n`" + c.Address + "`, " + c.Digest + "\n\n")
	}
	b.WriteString("## Methods\n\n" + methods + "\n")
	return b.String()
}
