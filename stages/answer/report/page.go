package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/figure"
)

// page is what the template shows.
type page struct {
	Source
	Style    template.CSS
	Script   template.JS
	Lead     string   // the first finding
	Findings []string // the next ones
	Further  []string // those that the page folds
	Partial  string
	Trained  trained
	Chapters []chapter
	Curves   []picture
	Hovers   template.JS // values under the pointer, by id of the figure

	curves []figure.Figure
}

// chapter is an analysis as the page shows it.
type chapter struct {
	Chapter
	ID       string
	Measure  string
	Tables   []effects
	Pictures []picture
	Further  []*table // steps to a target, sensitivity and analysis of variance
	Doubts   []string // on which trials and assumptions the answer depends
	Notes    []string
	Warnings []string

	pictures []figure.Figure
}

// picture is a figure at the widths of a screen and of a phone.
type picture struct {
	ID, Caption string
	Wide        template.HTML
	Narrow      template.HTML
}

func newPage(s Source) (page, error) {
	p := page{Source: s, Trained: newTrained(s)}
	css, err := files.ReadFile("page.css")
	if err != nil {
		return p, err
	}
	js, err := files.ReadFile("page.js")
	if err != nil {
		return p, err
	}
	p.Style, p.Script = template.CSS(css), template.JS(js)
	hovers := make(map[string]*figure.Hover)
	show := func(f figure.Figure) picture {
		id := fmt.Sprintf("figure-%d", len(hovers)+1)
		hovers[id] = f.Hover
		return picture{ID: id, Caption: f.Caption, // our own drawings, escaped by their package
			Wide: template.HTML(f.Inline(id+"-wide", figure.Page)), Narrow: template.HTML(f.Inline(id+"-narrow", figure.Column))}
	}
	var found []answer.Finding
	for i, c := range s.Chapters {
		shown, err := newChapter(c, fmt.Sprintf("chapter-%d", i+1))
		if err != nil {
			return p, fmt.Errorf("reading the result of %s: %w", c.Address, err)
		}
		for _, f := range shown.pictures {
			drawn := show(f)
			if strings.HasPrefix(f.Name, forestFile) { // on a wide screen, its rows are in the tables
				drawn.Wide = ""
			}
			shown.Pictures = append(shown.Pictures, drawn)
		}
		p.Chapters = append(p.Chapters, shown)
		found = append(found, findingsOf(c, s.slices(c.Kind))...)
		p.Partial = partialText(p.Partial, c.Result)
	}
	p.Lead, p.Findings, p.Further = ordered(found)
	p.curves = curves(s)
	for _, f := range p.curves {
		p.Curves = append(p.Curves, show(f))
	}
	for id, h := range hovers {
		if h == nil {
			delete(hovers, id)
		}
	}
	raw, err := json.Marshal(hovers)
	p.Hovers = template.JS(raw) // JSON escapes <, > and &
	return p, err
}

// Has reports whether the page has an analysis of a kind.
func (p page) Has(kind string) bool {
	return slices.ContainsFunc(p.Source.Chapters, func(c Chapter) bool { return c.Kind == kind })
}

// slices reports whether the report has several analyses of a kind whose sentences do not
// say at which levels of the other factors they hold.
func (s Source) slices(kind string) bool {
	n := 0
	for _, c := range s.Chapters {
		if c.Kind == kind && kind != "factorial" {
			n++
		}
	}
	return n > 1
}

// findingsOf are the sentences of a chapter, which name it if others are like it. The
// document of a report has those that it was made with.
func findingsOf(c Chapter, several bool) []answer.Finding {
	if list := answer.FindingsOf(c.Kind, c.Result); len(list) > 0 {
		for i := range list {
			if several {
				list[i].Text = c.Label + ": " + list[i].Text
			}
		}
		return list
	}
	var out []answer.Finding
	for _, s := range c.Sentences {
		out = append(out, answer.Finding{Text: s, Clear: true})
	}
	return out
}

// mostFindings is how many findings are shown before the rest is folded.
const mostFindings = 6

// ordered splits findings into the first, those that are shown and those that are folded.
func ordered(found []answer.Finding) (lead string, next, further []string) {
	all := answer.Sentences(answer.InOrder(found))
	if len(all) == 0 {
		return "", nil, nil
	}
	if n := mostFindings; len(all) > n+1 {
		return all[0], all[1:n], all[n:]
	}
	return all[0], all[1:], nil
}

// partialText is what a document says of missing trials.
func partialText(before string, raw []byte) string {
	var doc struct{ Partial string }
	if before != "" || json.Unmarshal(raw, &doc) != nil {
		return before
	}
	return doc.Partial
}

// forestFile is the figure of effects.
const forestFile = "effects"

// newChapter reads the document of an analysis.
func newChapter(c Chapter, id string) (chapter, error) {
	out := chapter{Chapter: c, ID: id}
	var err error
	switch c.Kind {
	case "factorial":
		var r answer.Result
		err = json.Unmarshal(c.Result, &r)
		for i, x := range r.All() {
			out.factorial(x, i, len(r.Others) > 0)
		}
	case "recovery":
		out.pictures, err = drawn(c.Result, figure.Recovery)
	case "dose":
		out.pictures, err = drawn(c.Result, figure.Dose)
	case "trajectory":
		out.pictures, err = drawn(c.Result, figure.Trajectory)
	case "mechanism":
		out.pictures, err = drawn(c.Result, figure.Mechanism)
	}
	return out, err
}

// drawn draws the figures of a document.
func drawn[T any](document json.RawMessage, draw func(T) []figure.Figure) ([]figure.Figure, error) {
	var r T
	err := json.Unmarshal(document, &r)
	return draw(r), err
}

// Body is the tables that the analysis wrote.
func (c chapter) Body() template.HTML {
	if c.Kind == "factorial" {
		return ""
	}
	return template.HTML(c.Fragment) // written by this program, and escaped there
}

// factorial adds what is shown of the i-th response, whose name titles bear if there are
// several.
func (c *chapter) factorial(r answer.Result, i int, several bool) {
	of, number := "", ""
	if several {
		of = r.Response + ": "
	}
	if i > 0 {
		c.Measure, number = c.Measure+", "+answer.Measure(r.Response, r.At), fmt.Sprintf("-%d", i+1)
	} else {
		c.Measure = answer.Measure(r.Response, r.At)
	}
	for _, f := range figure.Families(r) {
		f.Title = of + f.Title
		c.Tables = append(c.Tables, newEffects(f, r, c.ID))
	}
	if f, ok := figure.Cells(r); ok {
		f.Name += number
		c.pictures = append(c.pictures, f)
	}
	if f, ok := figure.Forest(r); ok {
		f.Name, f.Caption = forestFile+number, of+f.Caption
		c.pictures = append(c.pictures, f)
	}
	for _, t := range []*table{reached(r), cellMeans(r), sensitivity(r), anova(r)} {
		if t != nil {
			t.Title = of + t.Title
			c.Further = append(c.Further, t)
		}
	}
	if r.Sensitivity != nil {
		for _, s := range r.Sensitivity.Lines(r.Replicate) {
			c.Doubts = append(c.Doubts, of+s)
		}
	}
	c.Notes, c.Warnings = appendOnce(c.Notes, "", r.Notes), appendOnce(c.Warnings, of, r.Warnings)
}

// appendOnce appends what a list does not have.
func appendOnce(list []string, of string, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, of+s) {
			list = append(list, of+s)
		}
	}
	return list
}

// Wanted lists the metrics that a report shows as curves: those of its analyses, and
// the loss.
func Wanted(chapters []Chapter) []string {
	out := []string{"train_loss", "loss"}
	for _, c := range chapters {
		var doc struct {
			Response, Metric string
			Others           []struct{ Response string } `json:"other_responses"`
		}
		if json.Unmarshal(c.Result, &doc) != nil {
			continue
		}
		names := []string{cmp.Or(doc.Metric, doc.Response)}
		for _, x := range doc.Others {
			names = append(names, x.Response)
		}
		for _, name := range names {
			if name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// cellName names a cell by its levels. A trial has no level of a factor that other
// trials of the study vary.
func cellName(factors []Factor, levels []string) string {
	var names []string
	for i, level := range levels {
		if level != "" {
			names = append(names, answer.NameLevel(factors[i].Name, level))
		}
	}
	return strings.Join(names, " · ")
}

// curves draws the wanted metrics by cell.
func curves(s Source) []figure.Figure {
	var out []figure.Figure
	for _, metric := range Wanted(s.Chapters) {
		var panels []figure.Panel
		at := make(map[string]int)
		for _, t := range s.Trials {
			name := cellName(s.Factors, t.Levels)
			if _, ok := at[name]; !ok {
				at[name] = len(panels)
				panels = append(panels, figure.Panel{Name: name})
			}
			if c, ok := t.Curves[metric]; ok {
				c.Replicate = t.Replicate
				p := &panels[at[name]]
				p.Curves = append(p.Curves, c)
			}
		}
		if f, ok := figure.Curves(metric, s.Replicate, panels); ok {
			out = append(out, f)
		}
	}
	return out
}
