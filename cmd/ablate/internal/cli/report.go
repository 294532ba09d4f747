package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
	"ablate/stages/answer/report"
	"ablate/stages/record"
)

func reportCommand(s *session) *cobra.Command {
	var r reportRequest
	var checks []string
	c := &cobra.Command{
		Use:   "report [NAME]",
		Short: "Write the study's report as one HTML page and as Markdown",
		Long: "report writes the result of an analysis \"report\": report.html, a page that needs no network, and\n" +
			"report.md. NAME is the analysis, where a study has several. Existing files are replaced.\n\n" +
			"--check writes nothing. It compares the numbers that a paper names with those of the study; see\n" +
			"ablate export numbers." + exitCodes("3 with --partial when trials are missing"),
		Example:           "  ablate report --to out\n  ablate report --check paper.tex",
		Args:              argsBetween(0, 1),
		ValidArgsFunction: complete(s, reports, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(checks) > 0 {
				return checkRequest{Files: checks}.do(c.Context(), s)
			}
			if len(args) > 0 {
				r.Name = args[0]
			}
			return r.do(c.Context(), s)
		},
	}
	c.Flags().StringVar(&r.To, "to", ".", "the `folder` to write into")
	c.Flags().StringArrayVar(&checks, "check", nil, "compare the numbers in a paper's `file` with the study; may be repeated")
	partialFlag(c, &r.Partial)
	return c
}

// reportRequest asks for a report as files.
type reportRequest struct {
	Name    string // "" means the only one
	To      string
	Partial bool
}

func (r reportRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.plannedAnswers(ctx, r.Partial)
	if err != nil {
		return err
	}
	t, err := r.find(w, plan)
	if err != nil {
		return err
	}
	if err := t.Cached(); err != nil {
		return err
	}
	origins, err := w.origins(ctx, plan, t)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		artifact, file string
		join           func([]byte, []report.Origin) ([]byte, error)
	}{{"html", "report.html", report.HTML}, {"markdown", "report.md", report.Markdown}} {
		a, ok := t.Entry.Artifact(f.artifact)
		if !ok {
			return fmt.Errorf("%s has no %s", t.Address, f.artifact)
		}
		raw, err := cache.ReadAll(ctx, w.store, a.Digest)
		if err != nil {
			return err
		}
		if raw, err = f.join(raw, origins); err != nil {
			return err
		}
		if err := writeExport(s, r.To, f.file, raw); err != nil {
			return err
		}
	}
	return partialOutcome(plan.Needs(t)...)
}

// find finds the report of that name, or the only one.
func (r reportRequest) find(w *workspace, plan *planner.Plan) (*planner.Task, error) {
	name := r.Name
	if name == "" {
		name = "analysis.report.*"
		if _, err := index(w.graph, reports).Select(name); err != nil {
			return nil, errors.New("the study has no report: add analysis \"report\" \"NAME\" { analyses = [...] }")
		}
	}
	return w.find(plan, reports, name)
}

// origins lists the cached results that a report depends on.
func (w *workspace) origins(ctx context.Context, plan *planner.Plan, t *planner.Task) ([]report.Origin, error) {
	var out []report.Origin
	for _, d := range plan.Needs(t) {
		if d.Status != planner.Hit {
			continue
		}
		p, err := readProvenance(ctx, w.store, d)
		if err != nil {
			return nil, err
		}
		o := report.Origin{
			Address: d.Address.String(), Key: d.Key.String(), Host: p.Host.Name, Seconds: p.Seconds,
			Finished: p.Finished.UTC().Format("2006-01-02 15:04:05 UTC"), Recompute: "ablate run --target " + view.ShellQuote(d.Address.String()),
		}
		for _, name := range []string{artifactOf["json"], record.Metrics} {
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
