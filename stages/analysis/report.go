package analysis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
)

// Report is analysis "report": several analyses on one page, which the command report
// writes from its document.
type Report struct {
	Analyses []addr.Instance `hcl:"analyses" ref:"analysis" doc:"What the page shows, in order."`
	Title    string          `hcl:"title,optional" doc:"The page's title."`
	Text     string          `hcl:"text,optional" doc:"A paragraph under the title."`
}

// Names of a report's outputs.
const (
	reportPage     = "page"
	reportMarkdown = "markdown"
)

// Validate implements pipeline.Stage.
func (r *Report) Validate() diag.List {
	if len(r.Analyses) == 0 {
		return diag.Errorf(diag.Path{"analyses"}, "Empty report", "analyses names no analysis, so the page would be empty. List at least one.")
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
	host, err := code(in, reportSubject())
	if err != nil {
		return pipeline.Recipe{}, err
	}
	return pipeline.Recipe{
		Code:   host,
		Inputs: cache.Map(map[string]cache.Value{"analyses": cache.List(parts...)}),
		Outputs: []pipeline.Output{
			{Name: reportPage, MediaType: "application/json"}, {Name: reportMarkdown, MediaType: "text/markdown"},
			{Name: "table", MediaType: "text/plain"},
		},
	}, nil
}

// Run implements pipeline.Stage.
func (r *Report) Run(_ context.Context, env *pipeline.Env) error {
	doc := answer.Report{Version: 1, Title: cmp.Or(r.Title, "Report"), Text: r.Text, Methods: render.Methods}
	for _, a := range env.Inputs.Absent {
		doc.Text = strings.TrimLeft(fmt.Sprintf("%s %s cannot be answered yet, and is left out.", doc.Text, a), " ")
	}
	var bodies []string
	families, rate := 0, 0.0
	for _, a := range env.Inputs.Refs["analyses"] {
		c, body, result, err := readChapter(env, a)
		if err != nil {
			return fmt.Errorf("reading %s: %w", a.Address, err)
		}
		doc.Chapters, bodies = append(doc.Chapters, c), append(bodies, body)
		n, of := answer.ErrorRate(a.Address.Stage.Type, result)
		families, rate = families+n, rate+of
	}
	if families > 1 {
		doc.Methods += fmt.Sprintf(" Where there is no effect, the %d families of this page together make a false claim in at most %.3g %% of studies.", families, min(100, 100*rate))
	}
	raw, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return errors.Join(
		render.WriteFile(env, reportPage, append(raw, '\n')),
		render.WriteFile(env, reportMarkdown, []byte(render.ReportMarkdown(doc, bodies))),
		render.WriteFile(env, "table", fmt.Appendf(nil, "  A page of %s: ablate report writes it.\n", analyses(len(doc.Chapters)))),
	)
}

func analyses(n int) string {
	if n == 1 {
		return "1 analysis"
	}
	return fmt.Sprintf("%d analyses", n)
}

// readChapter makes a chapter of what an analysis wrote, and returns its Markdown and its
// document.
func readChapter(env *pipeline.Env, a pipeline.Input) (c answer.ReportChapter, markdown string, result []byte, err error) {
	read := func(name string) ([]byte, error) {
		x, ok := a.Artifact(name)
		if !ok {
			return nil, nil
		}
		f, err := env.Open(x.Digest)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(f)
	}
	c = answer.ReportChapter{Label: a.Label, Address: a.Address.String(), Result: a.Digest("result").String()}
	text, err := read("markdown")
	if err != nil {
		return c, "", nil, err
	}
	if result, err = read("result"); err != nil {
		return c, "", nil, err
	}
	if res, err := answer.Parse(result, a.Digest("result")); err == nil { // a program's result may be anything
		c.Sentences = answer.Sentences(answer.Findings(res))
	}
	return c, string(text), result, nil
}
