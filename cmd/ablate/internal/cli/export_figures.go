package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/answer/figure"
	"ablate/stages/answer/report"
)

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

// writeFigures writes figures in every format.
func writeFigures(s *session, to string, figures []figure.Figure) error {
	var names []string
	for _, f := range figures {
		names = append(names, f.Name)
	}
	names = fileNames(names)
	for i, f := range figures {
		pdf, err := f.PDF(figure.Column)
		if err != nil {
			return err
		}
		png, err := f.PNG(figure.Column)
		if err != nil {
			return err
		}
		data, err := f.CSV()
		if err != nil {
			return err
		}
		for _, x := range []struct {
			end string
			raw []byte
		}{{".svg", f.SVG(figure.Column)}, {".pdf", pdf}, {".png", png}, {".csv", data}} {
			if err := writeExport(s, to, names[i]+x.end, x.raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileNames makes names of files: letters, digits and a few signs that need no quotes in a
// shell. No two are equal where case does not count, and none leaves its folder.
func fileNames(names []string) []string {
	const longest = 120 // in bytes; file systems allow 255, and an ending follows
	out := make([]string, len(names))
	taken := make(map[string]bool)
	for i, name := range names {
		parts := strings.FieldsFunc(name, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("._-=+", r)
		})
		end := filepath.Ext(name)
		safe := strings.TrimLeft(strings.Join(parts, "-"), ".-")
		safe = strings.ReplaceAll(safe, "--", "-")
		if safe == "" {
			safe = "file"
		}
		if !strings.HasSuffix(safe, end) || len(end) > 5 {
			end = ""
		}
		body := strings.TrimSuffix(safe, end)
		if len(body) > longest {
			body = strings.ToValidUTF8(body[:longest], "")
		}
		out[i] = body + end
		for n := 2; taken[strings.ToLower(out[i])]; n++ {
			out[i] = fmt.Sprintf("%s-%d%s", body, n, end)
		}
		taken[strings.ToLower(out[i])] = true
	}
	return out
}
