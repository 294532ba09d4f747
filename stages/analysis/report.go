package analysis

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Report is analysis "report": several analyses on one page.
type Report struct {
	Analyses []addr.Instance `hcl:"analyses" ref:"analysis" doc:"What the page shows, in order."`
	Title    string          `hcl:"title,optional" doc:"The page's title."`
	Text     string          `hcl:"text,optional" doc:"A paragraph under the title."`
}

// Names of a report's outputs.
const (
	reportHTML     = "html"
	reportMarkdown = "markdown"
)

// Validate implements pipeline.Stage.
func (r *Report) Validate() diag.List {
	if len(r.Analyses) == 0 {
		return diag.Errorf(diag.Path{"analyses"}, "Empty report", "analyses names no analysis, so the page would be empty.")
	}
	return nil
}

// Describe implements pipeline.Stage.
func (r *Report) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	var parts []cache.Value
	for _, a := range in.Refs["analyses"] {
		artifacts := make(map[string]cache.Value)
		for _, x := range a.Artifacts {
			artifacts[x.Name] = cache.DigestValue(x.Digest)
		}
		parts = append(parts, cache.Map(map[string]cache.Value{
			"label": cache.String(a.Label), "address": cache.String(a.Address.String()), "artifacts": cache.Map(artifacts),
		}))
	}
	return pipeline.Recipe{
		Inputs: cache.Map(map[string]cache.Value{"analyses": cache.List(parts...)}),
		Outputs: []pipeline.Output{
			{Name: reportHTML, MediaType: "text/html"}, {Name: reportMarkdown, MediaType: "text/markdown"},
			{Name: "table", MediaType: "text/plain"},
		},
	}, nil
}

//go:embed report.tmpl
var reportPage string

var page = template.Must(template.New("report").Parse(reportPage))

// chapter is one analysis on the page.
type chapter struct {
	ID, Label, Address string
	Sentences          []string
	Body               template.HTML
	Figures            []picture
	Digest             string
	Markdown           string
}

type picture struct {
	Caption string
	SVG     template.HTML
}

// captions say what the figures show.
var captions = map[string]string{
	"interaction": "Cell means with intervals. Lines that run in parallel say that there is no interaction.",
	"contrasts":   "Every contrast with its interval; the dotted line is no difference.",
	"recovery":    "Share of the gap that each level wins back, with Fieller's intervals.",
	"dose":        "Means with intervals by dose; the dotted line is the reference.",
	"trajectory":  "Gaps by step, with a band that holds at all steps at once.",
	"mechanism":   "What the probes saw in the last layer, mean of replicates.",
	"curves":      "The response itself by step: means with intervals.",
	"heat":        "What the probes saw, layer by step, mean of replicates; one scale for all panels, lighter is more.",
}

// Run implements pipeline.Stage.
func (r *Report) Run(_ context.Context, env *pipeline.Env) error {
	var chapters []chapter
	for i, a := range env.Inputs.Refs["analyses"] {
		c, err := readChapter(env, a)
		if err != nil {
			return fmt.Errorf("reading %s: %w", a.Address, err)
		}
		c.ID = fmt.Sprintf("chapter-%d", i+1)
		chapters = append(chapters, c)
	}
	title := r.Title
	if title == "" {
		title = "Report"
	}
	var html strings.Builder
	err := page.Execute(&html, map[string]any{"Title": title, "Text": r.Text, "Chapters": chapters})
	if err != nil {
		return fmt.Errorf("rendering the report: %w", err)
	}
	for name, content := range map[string]string{
		reportHTML: html.String(), reportMarkdown: markdownReport(title, r.Text, chapters),
		"table": fmt.Sprintf("  A page of %d analyses: ablate report writes it.\n", len(chapters)),
	} {
		w, err := env.Create(name)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, content)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
	return nil
}

func readChapter(env *pipeline.Env, a pipeline.Input) (chapter, error) {
	c := chapter{Label: a.Label, Address: a.Address.String(), Digest: a.Digest("result").String()}
	read := func(name string) (string, error) {
		x, ok := a.Artifact(name)
		if !ok {
			return "", nil
		}
		f, err := env.Open(x.Digest)
		if err != nil {
			return "", err
		}
		defer f.Close()
		raw, err := io.ReadAll(f)
		return string(raw), err
	}
	body, err1 := read("html")
	markdown, err2 := read("markdown")
	raw, err3 := read("result")
	if err := errors.Join(err1, err2, err3); err != nil {
		return c, err
	}
	c.Body, c.Markdown = template.HTML(body), markdown //nolint:gosec // our own rendering, escaped there
	var res result
	if json.Unmarshal([]byte(raw), &res) == nil {
		c.Sentences = res.abstract()
	}
	for _, name := range []string{"interaction", "contrasts", "recovery", "dose", "curves", "trajectory", "mechanism", "heat"} {
		svg, err := read(name + ".svg")
		if err != nil {
			return c, err
		}
		if at := strings.Index(svg, "<svg"); at >= 0 {
			c.Figures = append(c.Figures, picture{captions[name], template.HTML(svg[at:])})
		}
	}
	return c, nil
}

// abstract says a factorial's declared contrasts and interactions in sentences
// with their numbers.
func (r *result) abstract() []string {
	var out []string
	for _, c := range r.Contrasts {
		if c.Kind == "declared" && c.Estimate != nil {
			s := fmt.Sprintf("%s is %s", c.Name, signed(c.Estimate))
			if c.Low != nil {
				s += fmt.Sprintf(" (%s interval %s)", r.percent(), c.interval())
			}
			switch {
			case c.Planned && r.Standing.Known == 0:
				s += ", planned before any of its trials was known"
			case c.Planned:
				s += ", planned when some of its results were known"
			case r.Standing != nil && r.Standing.Time != "":
				s += ", exploratory: it was changed after the freeze"
			}
			out = append(out, s+".")
		}
		if c.Kind != "interaction" || len(c.Terms) != 2 || c.Estimate == nil {
			continue
		}
		a, b := c.Terms[0], c.Terms[1]
		s := fmt.Sprintf("The difference between %s and %s changes by %s when %s goes from %s to %s", a.Level, a.Baseline, signed(c.Estimate), b.Factor, b.Baseline, b.Level)
		switch {
		case c.Low == nil:
			s += "; there is no interval."
		case *c.Low > 0 || *c.High < 0:
			s += fmt.Sprintf(" (%s interval %s).", r.percent(), c.interval())
		default:
			s += fmt.Sprintf(", which the data cannot tell from nothing (%s interval %s; a change of %s would be found in four studies of five).", r.percent(), c.interval(), decimals(*c.Detect))
		}
		out = append(out, s)
	}
	return out
}

// methods is the same for every page.
const methods = "Everything is a linear combination of cell means. Where the cells involved share their replicates, intervals are Student's t of the contrast of each replicate, otherwise Welch's t. p-values are adjusted by Holm's rule within an analysis. A gap is a level against its factor's baseline, a main effect the gap averaged over all combinations of the other factors, an interaction the difference of two gaps."

func markdownReport(title, text string, chapters []chapter) string {
	var b strings.Builder
	b.WriteString("# " + title + "\n\n")
	if text != "" {
		b.WriteString(text + "\n\n")
	}
	for _, c := range chapters {
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

// Methods gives the template the text of the last chapter.
func (chapter) Methods() string { return methods }

// renderHTML lays sections out as headings, tables and paragraphs.
func renderHTML(sections []section) string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "<h3>%s</h3>\n", template.HTMLEscapeString(s.title))
		if s.grid != nil {
			b.WriteString(s.grid.html())
		}
		for _, line := range s.lines {
			fmt.Fprintf(&b, "<p>%s</p>\n", template.HTMLEscapeString(line))
		}
	}
	return b.String()
}

// html lays the table out; columns of numbers are marked.
func (g *grid) html() string {
	var b strings.Builder
	b.WriteString("<div class=\"scroll\"><table>\n")
	for n, r := range g.rows {
		tag := "td"
		switch n {
		case 0:
			tag = "th"
			b.WriteString("<thead>\n")
		case 1:
			b.WriteString("<tbody>\n")
		}
		b.WriteString("<tr>")
		for i, c := range r {
			attributes := ""
			if g.right[i] {
				attributes = " class=\"number\""
			}
			if note := g.notes[[2]int{n, i}]; note != "" {
				attributes += " title=\"" + template.HTMLEscapeString(note) + "\""
			}
			fmt.Fprintf(&b, "<%s%s>%s</%s>", tag, attributes, template.HTMLEscapeString(c), tag)
		}
		b.WriteString("</tr>\n")
		if n == 0 {
			b.WriteString("</thead>\n")
		}
	}
	b.WriteString("</tbody></table></div>\n")
	return b.String()
}
