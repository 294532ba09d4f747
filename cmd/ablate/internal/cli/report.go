package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

func (g *globals) reportCommand() *cobra.Command {
	var to string
	var checks []string
	c := &cobra.Command{
		Use:   "report [NAME]",
		Short: "Write the study's report as one HTML page and as Markdown",
		Long: "report writes what an analysis \"report\" made: report.html, one page that needs no network,\n" +
			"and report.md. NAME is the block's second label, where a study has several. Files that are\n" +
			"there are replaced. With --check nothing is written: the numbers that a paper names are\n" +
			"compared with the study's (ablate export numbers)." + codes("3 with --partial when trials are missing"),
		Example: "  ablate report --to out\n  ablate report --check paper.tex",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(checks) > 0 {
				return g.check(c.Context(), checks)
			}
			w, plan, err := g.answered(c.Context())
			if err != nil {
				return err
			}
			s, err := findReport(plan, args)
			if err != nil {
				return err
			}
			return cmp.Or(g.writeReport(c.Context(), w, plan, s, to), partial(plan.Needs(s)...))
		},
	}
	c.Flags().StringVar(&to, "to", ".", "the folder to write into")
	g.partialFlag(c)
	c.Flags().StringArrayVar(&checks, "check", nil, "compare a paper's numbers with the study's, in a `file`; may be repeated")
	return c
}

func findReport(plan *planner.Plan, args []string) (*planner.Task, error) {
	var found, other *planner.Task
	for _, s := range plan.Tasks {
		if s.Address.Stage.Type != "report" || s.Role != pipeline.Analysis {
			continue
		}
		if len(args) == 1 && s.Address.Stage.Name != args[0] {
			other = s
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("the study has several reports, among them %s and %s: name one", found.Address.Stage.Name, s.Address.Stage.Name)
		}
		found = s
	}
	switch {
	case found == nil && other != nil:
		return nil, fmt.Errorf("the study has no report %q; there is %s", args[0], other.Address.Stage.Name)
	case found == nil:
		return nil, errors.New("the study has no report: add analysis \"report\" \"NAME\" { analyses = [...] }")
	}
	return found, nil
}

// exportFiguresCommand writes an analysis's figures with their data.
func (g *globals) exportFiguresCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:     "figures NAME",
		Short:   "Write an analysis's figures as SVG and PNG, and their data as CSV",
		Long:    "figures writes what an analysis drew. Files that are there are replaced." + codes(""),
		Example: "  ablate export figures coupling --to figures",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			s, err := findAnalysis(plan, args[0])
			if err != nil {
				return err
			}
			files := map[string]string{"csv": s.Address.Stage.Name + ".csv"}
			for _, a := range s.Entry.Artifacts {
				switch filepath.Ext(a.Name) {
				case ".svg", ".png":
					files[a.Name] = s.Address.Stage.Name + "-" + a.Name
				}
			}
			return g.writeArtifacts(c.Context(), w, s, to, files)
		},
	}
	c.Flags().StringVar(&to, "to", ".", "the folder to write into")
	return c
}

// writeReport writes the page and its Markdown, with an appendix that says who
// computed what. It is no part of the stored report: the same numbers computed
// elsewhere have the same report.
func (g *globals) writeReport(ctx context.Context, w *workspace, plan *planner.Plan, s *planner.Task, to string) error {
	if err := s.Cached(); err != nil {
		return err
	}
	lines, err := origins(ctx, w, plan, s)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		artifact, file, marker string
		appendix               func([]origin) (string, error)
	}{{"html", "report.html", `<template id="provenance"></template>`, htmlAppendix}, {"markdown", "report.md", "", markdownAppendix}} {
		a, ok := s.Entry.Artifact(f.artifact)
		if !ok {
			return fmt.Errorf("%s has no %s", s.Address, f.artifact)
		}
		raw, err := cache.ReadAll(ctx, w.store, a.Digest)
		if err != nil {
			return err
		}
		appendix, err := f.appendix(lines)
		if err != nil {
			return err
		}
		text := string(raw)
		if f.marker == "" {
			text += "\n" + appendix
		} else {
			text = strings.Replace(text, f.marker, appendix, 1)
		}
		if err := g.writeFile(to, f.file, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// origin is who computed a result, and how to do it again.
type origin struct {
	Address, Key, Result, Host, Finished, Again string
	Seconds                                     float64
	Repeats                                     string
}

// origins lists what a report rests on: its analyses, and their trials.
func origins(ctx context.Context, w *workspace, plan *planner.Plan, s *planner.Task) ([]origin, error) {
	var out []origin
	for _, d := range plan.Needs(s) {
		if d.Status != planner.Hit {
			continue
		}
		p, err := provenance(ctx, w.store, d)
		if err != nil {
			return nil, err
		}
		o := origin{
			Address: d.Address.String(), Key: d.Key.String(), Host: p.Host.Name, Seconds: p.Seconds,
			Finished: p.Finished.UTC().Format("2006-01-02 15:04:05 UTC"), Again: "ablate run --target " + shellQuote(d.Address.String()),
		}
		for _, name := range []string{forms["json"], "metrics"} {
			if a, ok := d.Entry.Artifact(name); ok {
				o.Result = a.Digest.String()
			}
		}
		if o.Repeats, err = repeatText(w.store, d.Key); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

var appendixPage = template.Must(template.New("appendix").Parse(`<section id="provenance">
<h2>Provenance</h2>
<p>Every number above is a function of these results. A key is the hash of everything that a result depends on.</p>
<div class="scroll"><table><thead><tr><th>what</th><th>key</th><th>result</th><th>computed</th><th class="number">seconds</th><th>repeats</th><th>again</th></tr></thead>
<tbody>{{range .}}<tr><td>{{.Address}}</td><td title="{{.Key}}"><code>{{slice .Key 0 12}}</code></td><td title="{{.Result}}"><code>{{printf "%.19s" .Result}}</code></td><td>{{.Finished}} on {{.Host}}</td><td class="number">{{printf "%.1f" .Seconds}}</td><td>{{.Repeats}}</td><td><code>{{.Again}}</code></td></tr>
{{end}}</tbody></table></div>
</section>`))

func htmlAppendix(lines []origin) (string, error) {
	var b strings.Builder
	err := appendixPage.Execute(&b, lines)
	return b.String(), err
}

func markdownAppendix(lines []origin) (string, error) {
	var b strings.Builder
	b.WriteString("## Provenance\n\n| what | key | result | computed | seconds | repeats |\n|---|---|---|---|---:|---|\n")
	for _, o := range lines {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s on %s | %.1f | %s |\n", o.Address, o.Key, o.Result, o.Finished, o.Host, o.Seconds, o.Repeats)
	}
	return b.String(), nil
}

// writeArtifacts writes a cached step's artifacts as files.
func (g *globals) writeArtifacts(ctx context.Context, w *workspace, s *planner.Task, to string, files map[string]string) error {
	if err := s.Cached(); err != nil {
		return err
	}
	for _, a := range s.Entry.Artifacts {
		name, ok := files[a.Name]
		if !ok {
			continue
		}
		raw, err := cache.ReadAll(ctx, w.store, a.Digest)
		if err != nil {
			return err
		}
		if err := g.writeFile(to, name, raw); err != nil {
			return err
		}
	}
	return nil
}

func (g *globals) writeFile(to, name string, raw []byte) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	path := filepath.Join(to, name)
	if err := os.WriteFile(path, raw, 0o644); err != nil { //nolint:gosec // a report is for everybody
		return fmt.Errorf("writing %s: %w", path, err)
	}
	g.view().Object(map[string]string{"type": "exported", "file": path})
	g.view().Text(path + "\n")
	return nil
}
