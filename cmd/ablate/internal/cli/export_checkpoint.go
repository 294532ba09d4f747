package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

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
