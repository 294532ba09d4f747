package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"ablate/stages/answer"
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
	{"interaction", "Cell means with intervals. Lines that run in parallel say that there is no interaction."},
	{"contrasts", "Every contrast with its interval; the dotted line is no difference."},
	{"recovery", "Share of the gap that each level wins back, with Fieller's intervals."},
	{"dose", "Means with intervals by dose; the dotted line is the reference."},
	{"curves", "The response itself by step: means with intervals."},
	{"trajectory", "Gaps by step, with a band that holds at all steps at once."},
	{"mechanism", "What the probes saw in the last layer, mean of replicates."},
	{"heat", "What the probes saw, layer by step, mean of replicates; one scale for all panels, lighter is more."},
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
	c.Body = template.HTML(body) //nolint:gosec // our own rendering, escaped there
	if c.Markdown, err = read("markdown"); err != nil {
		return c, err
	}
	for _, f := range figureNames {
		svg, err := read(f.name + ".svg")
		if err != nil {
			return c, err
		}
		if at := strings.Index(svg, "<svg"); at >= 0 {
			c.Figures = append(c.Figures, Picture{f.caption, template.HTML(svg[at:])}) //nolint:gosec // as above
		}
	}
	return c, nil
}

// Methods is the last section of every page.
func (Page) Methods() string { return methods }

const methods = "Everything is a linear combination of cell means. Where the cells involved share their replicates, intervals are Student's t of the contrast of each replicate, otherwise Welch's t. p-values are adjusted by Holm's rule within an analysis. A gap is a level against its factor's baseline, a main effect the gap averaged over all combinations of the other factors, an interaction the difference of two gaps."

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

// Abstract says the declared contrasts and the interactions of a factorial in
// sentences with their numbers.
func Abstract(r answer.Result) []string {
	f := factorial{r}
	var out []string
	for _, c := range r.Contrasts {
		switch {
		case c.Estimate == nil:
		case c.Kind == "declared":
			out = append(out, f.declaredSentence(c))
		case c.Kind == "interaction" && len(c.Terms) == 2:
			out = append(out, f.interactionSentence(c))
		}
	}
	return out
}

func (r factorial) declaredSentence(c answer.Contrast) string {
	s := fmt.Sprintf("%s is %s", c.Name, signed(c.Estimate))
	if c.Low != nil {
		s += fmt.Sprintf(" (%s interval %s)", percent(r.Confidence), between(c.Low, c.High))
	}
	switch {
	case c.Planned && r.Standing.Known == 0:
		s += ", planned before any of its trials was known"
	case c.Planned:
		s += ", planned when some of its results were known"
	case r.Standing != nil && r.Standing.Time != "":
		s += ", exploratory: it was changed after the freeze"
	}
	return s + "."
}

func (r factorial) interactionSentence(c answer.Contrast) string {
	a, b := c.Terms[0], c.Terms[1]
	s := fmt.Sprintf("The difference between %s and %s changes by %s when %s goes from %s to %s", a.Level, a.Baseline, signed(c.Estimate), b.Factor, b.Baseline, b.Level)
	switch {
	case c.Low == nil:
		s += "; there is no interval."
	case *c.Low > 0 || *c.High < 0:
		s += fmt.Sprintf(" (%s interval %s).", percent(r.Confidence), between(c.Low, c.High))
	default:
		s += fmt.Sprintf(", which the data cannot tell from nothing (%s interval %s; a change of %s would be found in four studies of five).", percent(r.Confidence), between(c.Low, c.High), decimals(*c.Detect))
	}
	return s
}
