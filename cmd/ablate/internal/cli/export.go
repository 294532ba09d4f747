package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/answer/report"
)

func exportCommand(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Write results for other programs",
		Long: "export writes weights, tables, figures and numbers in formats that other programs read." +
			exitCodes("3 when some trials have no result yet"),
		Example: "  ablate export trials --to trials.csv",
		RunE:    needSubcommand,
	}
	c.AddCommand(exportCheckpointCommand(s), exportContrastsCommand(s), exportFiguresCommand(s), exportNumbersCommand(s), exportRunsCommand(s),
		exportTableCommand(s, exportableTrials, "trials", "Write a table with one row per trial",
			"trials writes one row per trial: its levels, the last value of each metric, its key, and where\nand when it was computed. Finished runs of data \"results\" are trials too.", trialsTable),
		exportTableCommand(s, trials, "metrics", "Write a table with one row per logged value",
			"metrics writes every value that the trials logged, one per row, with the trial's levels.", metricsTable),
	)
	return c
}

func exportCheckpointCommand(s *session) *cobra.Command {
	var r exportCheckpointRequest
	c := &cobra.Command{
		Use:   "checkpoint INSTANCE",
		Short: "Write a trial's weights, or the files that its program made",
		Long: "checkpoint writes a trial's final weights. --format safetensors writes the file that the store\n" +
			"holds; --format hf writes a folder with config.json and the parameter names of transformers'\n" +
			"Llama. Of a train \"command\", it writes the files in outputs as the program made them. Existing\n" +
			"files are not overwritten." + exitCodes(""),
		Example:           "  ablate export checkpoint 'train.lm.main[\"norm=rmsnorm.base,optimizer=adamw.paper,seed=42\"]' --format hf --to exported",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, trials, 1),
		RunE:              does(s, &r, &r.Instance),
	}
	choiceFlag(c.Flags(), c, &r.Format, "format", "", "of weights: %s (default safetensors)", "safetensors", "hf")
	c.Flags().StringVar(&r.To, "to", ".", "the `folder` to write into, or a file that ends in .safetensors")
	return c
}

// exportCheckpointRequest asks for a trial's weights.
type exportCheckpointRequest struct{ Instance, Format, To string }

func (r exportCheckpointRequest) do(ctx context.Context, s *session) error {
	w, plan, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	toFile := strings.EqualFold(filepath.Ext(r.To), ".safetensors") && !isFolder(r.To)
	if toFile && r.Format != "" && r.Format != "safetensors" {
		return fmt.Errorf("--to %s names a file, and --format %s writes a folder: name a folder, or use --format safetensors", r.To, r.Format)
	}
	var made []string
	err = w.planner.Export(ctx, plan, t, r.Format, func(name string) (io.WriteCloser, error) {
		path := filepath.Join(r.To, name)
		if toFile && len(made) > 0 {
			return nil, fmt.Errorf("--to %s names a file, and %s has several: name a folder", r.To, t.Address)
		}
		if toFile {
			path = r.To
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("creating the folder: %w", err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s exists: remove it, or name another with --to", path)
		}
		if err == nil {
			made = append(made, path)
		}
		return f, err
	})
	for _, path := range made {
		if err != nil {
			err = errors.Join(err, os.Remove(path)) // it may be damaged or incomplete
			continue
		}
		s.show(view.Exported{File: path})
	}
	return err
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func exportContrastsCommand(s *session) *cobra.Command {
	var r exportContrastsRequest
	return &cobra.Command{
		Use:   "contrasts ANALYSIS",
		Short: "Write an analysis's numbers, one JSON object a line",
		Long: "contrasts prints what an analysis estimated as JSON, one object a line: kind (anova, simple, main,\n" +
			"interaction, gap, recovery or declared), name, estimate, low, high, f, df, p, and p_holm, n,\n" +
			"method and others where they apply. With --json the lines are events like those of other\n" +
			"commands. docs/analysis.md says how names are formed." + exitCodes(""),
		Example:           "  ablate export contrasts coupling",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, analyses, 1),
		RunE:              does(s, &r, &r.Analysis),
	}
}

// exportContrastsRequest asks for the numbers of an analysis.
type exportContrastsRequest struct{ Analysis string }

func (r exportContrastsRequest) do(ctx context.Context, s *session) error {
	w, _, t, err := s.plannedTask(ctx, analyses, r.Analysis)
	if err != nil {
		return err
	}
	result, err := readResult(ctx, w.store, t)
	if err != nil {
		return err
	}
	for _, line := range result.Lines() {
		s.show(view.Contrast{Line: line})
	}
	return nil
}

func exportFiguresCommand(s *session) *cobra.Command {
	var r exportFiguresRequest
	c := &cobra.Command{
		Use:   "figures ANALYSIS",
		Short: "Write an analysis's figures as SVG, PDF and PNG, and their data as CSV",
		Long: "figures writes the figures of an analysis in the width of a column of a paper, each with its data as\n" +
			"CSV, and all numbers of the analysis as NAME.csv. Of an analysis \"command\", it writes the SVG and PNG\n" +
			"files that the program made. Existing files are replaced." + exitCodes(""),
		Example:           "  ablate export figures coupling --to figures",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, analyses, 1),
		RunE:              does(s, &r, &r.Analysis),
	}
	c.Flags().StringVar(&r.To, "to", ".", "the `folder` to write into")
	return c
}

// exportFiguresRequest asks for the figures of an analysis.
type exportFiguresRequest struct{ Analysis, To string }

func (r exportFiguresRequest) do(ctx context.Context, s *session) error {
	w, plan, t, err := s.plannedTask(ctx, analyses, r.Analysis)
	if err != nil {
		return err
	}
	if err := t.Cached(); err != nil {
		return err
	}
	chapter, err := reportReader{w}.chapter(ctx, plan, answer.ReportChapter{Address: t.Address.String()})
	if err != nil {
		return err
	}
	figures, err := report.FiguresOf(chapter)
	if err != nil {
		return err
	}
	name := t.Address.Stage.Name
	if t.Address.Key != "" { // else members of a stage would replace each other's files
		name += "[" + t.Address.Key + "]"
	}
	artifacts, names := []string{"csv"}, []string{name + ".csv"}
	for _, a := range t.Entry().Artifacts {
		if end := filepath.Ext(a.Name); len(figures) == 0 && (end == ".svg" || end == ".png") { // of a program
			artifacts, names = append(artifacts, a.Name), append(names, name+"-"+a.Name)
		}
	}
	files := make(map[string]string)
	for i, file := range fileNames(names) {
		files[artifacts[i]] = file
	}
	return cmp.Or(w.writeArtifacts(ctx, t, r.To, files), writeFigures(s, r.To, figures))
}

// writeArtifacts writes artifacts of a cached instance as files in a folder.
func (w *workspace) writeArtifacts(ctx context.Context, t *planner.Task, to string, files map[string]string) error {
	if err := t.Cached(); err != nil {
		return err
	}
	for _, a := range t.Entry().Artifacts {
		name, wanted := files[a.Name]
		if !wanted {
			continue
		}
		raw, err := cache.ReadAll(ctx, w.store, a.Digest)
		if err != nil {
			return err
		}
		if err := writeExport(w.session, to, name, raw); err != nil {
			return err
		}
	}
	return nil
}

// writeExport writes one file into a folder and reports it.
func writeExport(s *session, to, name string, raw []byte) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("creating the folder: %w", err)
	}
	path := filepath.Join(to, name)
	if err := os.WriteFile(path, raw, 0o644); err != nil { // meant for others to read
		return fmt.Errorf("writing %s: %w", path, err)
	}
	s.show(view.Exported{File: path})
	return nil
}

var errNoResults = errors.New("no trial has a result yet: run the study first")
