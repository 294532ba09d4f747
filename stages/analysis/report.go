package analysis

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
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
			{Name: reportHTML, MediaType: "text/html"}, {Name: reportMarkdown, MediaType: "text/markdown"},
			{Name: "table", MediaType: "text/plain"},
		},
	}, nil
}

// Run implements pipeline.Stage.
func (r *Report) Run(_ context.Context, env *pipeline.Env) error {
	page := render.Page{Title: r.Title, Text: r.Text}
	if page.Title == "" {
		page.Title = "Report"
	}
	for i, a := range env.Inputs.Refs["analyses"] {
		c, err := readChapter(env, a, fmt.Sprintf("chapter-%d", i+1))
		if err != nil {
			return fmt.Errorf("reading %s: %w", a.Address, err)
		}
		page.Chapters = append(page.Chapters, c)
	}
	html, err := page.HTML()
	if err != nil {
		return err
	}
	return errors.Join(
		render.WriteFile(env, reportHTML, []byte(html)),
		render.WriteFile(env, reportMarkdown, []byte(page.Markdown())),
		render.WriteFile(env, "table", fmt.Appendf(nil, "  A page of %d analyses: ablate report writes it.\n", len(page.Chapters))),
	)
}

// readChapter makes a chapter of what an analysis wrote.
func readChapter(env *pipeline.Env, a pipeline.Input, id string) (render.Chapter, error) {
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
	c, err := render.NewChapter(id, a.Label, a.Address.String(), read)
	if err != nil {
		return c, err
	}
	c.Digest = a.Digest("result").String()
	raw, err := read("result")
	if err != nil {
		return c, err
	}
	if res, err := answer.Parse([]byte(raw), a.Digest("result")); err == nil { // a program's result may be anything
		c.Sentences = render.Abstract(res)
	}
	return c, nil
}
