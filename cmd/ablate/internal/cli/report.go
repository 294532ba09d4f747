package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"ablate/pipeline/planner"
	"ablate/stages/answer/report"
)

func reportCommand(s *session) *cobra.Command {
	var r reportRequest
	var checks []string
	c := &cobra.Command{
		Use:   "report [NAME]",
		Short: "Write the study's report as one HTML page and as Markdown",
		Long: "report writes the result of an analysis \"report\": report.html, a page that needs no network, and\n" +
			"report.md. NAME is the analysis, where a study has several. Existing files are replaced. --figures\n" +
			"also writes each figure as SVG, PDF and PNG, in the width of a column of a paper, with its data as\n" +
			"CSV. --open opens the page in the browser.\n\n" +
			"--check writes nothing. It compares the numbers that a paper names with those of the study; see\n" +
			"ablate export numbers." + exitCodes("3 with --partial when trials are missing"),
		Example:           "  ablate report --to out\n  ablate report --check paper.tex",
		Args:              argsBetween(0, 1),
		ValidArgsFunction: complete(s, reports, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(checks) > 0 {
				return checkRequest{Files: checks}.do(c.Context(), s)
			}
			return does(s, &r, &r.Name)(c, args)
		},
	}
	c.Flags().StringVar(&r.To, "to", ".", "the `folder` to write into")
	c.Flags().BoolVar(&r.Figures, "figures", false, "also write the figures as files, into the folder figures")
	c.Flags().BoolVar(&r.Open, "open", false, "open the page in the browser")
	c.Flags().StringArrayVar(&checks, "check", nil, "compare the numbers in a paper's `file` with the study; may be repeated")
	partialFlag(c, &r.Partial)
	return c
}

// reportRequest asks for a report as files.
type reportRequest struct {
	Name    string // "" means the only one
	To      string
	Partial bool
	Figures bool
	Open    bool
}

func (r reportRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.plannedAnswers(ctx, r.Partial)
	if err != nil {
		return err
	}
	t, err := r.find(w, plan.Plan)
	if err != nil {
		return err
	}
	plan.tell(w, plan.Needs(t)...)
	if err := t.Cached(); err != nil {
		return err
	}
	source, err := reportReader{w}.source(ctx, plan.Plan, t)
	if err != nil {
		return err
	}
	if err := r.write(ctx, w, t, source); err != nil {
		return err
	}
	return partialOutcome(append(plan.Needs(t), t)...)
}

// write writes the files.
func (r reportRequest) write(ctx context.Context, w *workspace, t *planner.Task, source report.Source) error {
	page, err := report.HTML(source)
	if err != nil {
		return err
	}
	text, _, err := readArtifact(ctx, w.store, t, artifactOf["markdown"])
	if err != nil {
		return err
	}
	s := w.session
	if err := cmp.Or(writeExport(s, r.To, "report.html", page), writeExport(s, r.To, "report.md", report.Markdown(text, source.Origins))); err != nil {
		return err
	}
	if r.Figures {
		figures, err := report.Figures(source)
		if err != nil {
			return err
		}
		if err := writeFigures(s, filepath.Join(r.To, "figures"), figures); err != nil {
			return err
		}
	}
	if !r.Open {
		return nil
	}
	open := opener(filepath.Join(r.To, "report.html"))
	if err := exec.CommandContext(ctx, open[0], open[1:]...).Run(); err != nil {
		return fmt.Errorf("opening the report with %s: %w", open[0], err)
	}
	return nil
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

// opener is the command that opens a file in the user's browser.
func opener(path string) []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"open", path}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", path}
	}
	return []string{"xdg-open", path}
}
