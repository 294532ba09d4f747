package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline"
)

func (g *globals) reportCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "report [NAME]",
		Short: "Write the study's report as one HTML page and as Markdown",
		Long: "report writes what an analysis \"report\" made: report.html, one page that needs no network,\n" +
			"and report.md. NAME is the block's second label, where a study has several. Files that are\n" +
			"there are replaced." + codes(""),
		Example: "  ablate report --to out",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			s, err := findReport(plan, args)
			if err != nil {
				return err
			}
			return g.writeArtifacts(c.Context(), w, s, to, map[string]string{"html": "report.html", "markdown": "report.md"})
		},
	}
	c.Flags().StringVar(&to, "to", ".", "the folder to write into")
	return c
}

func findReport(plan *pipeline.Plan, args []string) (*pipeline.Step, error) {
	var found *pipeline.Step
	for _, s := range plan.Steps {
		if s.Address.Stage.Type != "report" || s.Block != "analysis" || len(args) == 1 && s.Address.Stage.Name != args[0] {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("the study has several reports, among them %s and %s: name one", found.Address.Stage.Name, s.Address.Stage.Name)
		}
		found = s
	}
	if found == nil {
		return nil, fmt.Errorf("the study has no such report: add analysis \"report\" \"NAME\" { analyses = [...] }")
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
		Args:    cobra.ExactArgs(1),
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

// writeArtifacts writes a cached step's artifacts as files.
func (g *globals) writeArtifacts(ctx context.Context, w *workspace, s *pipeline.Step, to string, files map[string]string) error {
	if err := s.Cached(); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
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
		path := filepath.Join(to, name)
		if err := os.WriteFile(path, raw, 0o644); err != nil { //nolint:gosec // a report is for everybody
			return fmt.Errorf("writing %s: %w", path, err)
		}
		g.view().Object(map[string]string{"type": "exported", "file": path})
		g.view().Text(path + "\n")
	}
	return nil
}
