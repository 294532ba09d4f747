package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (g *globals) exportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Write results for other programs",
		RunE:  commandOf,
	}
	c.AddCommand(g.exportCheckpointCommand(), g.exportContrastsCommand(), g.exportFiguresCommand(), g.exportNumbersCommand(),
		g.exportTableCommand("trials", "Write one row a trial: its levels and the last value of each metric",
			"trials writes one row a trial: its levels, the last value of each metric, its key, and who\ncomputed it when.", trialsTable),
		g.exportTableCommand("metrics", "Write one row a logged value of every trial",
			"metrics writes everything that trials logged, one value a row, with the trial's levels.", metricsTable),
	)
	return c
}

func (g *globals) exportCheckpointCommand() *cobra.Command {
	var format, to string
	c := &cobra.Command{
		Use:   "checkpoint ADDRESS",
		Short: "Write a trial's weights as safetensors, or as a folder for transformers",
		Long: "checkpoint writes the weights that a trial ended with. --format safetensors gives the file\n" +
			"as it is in the store; --format hf gives a folder with config.json and the names that\n" +
			"transformers' Llama has. Files that are there are not overwritten." + codes(""),
		Example: "  ablate export checkpoint 'train.lm.main[\"norm=rmsnorm.base,optimizer=adamw.paper,seed=42\"]' --format hf --to exported",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			s, err := g.step(plan, args[0])
			if err != nil {
				return err
			}
			return w.planner.Export(c.Context(), plan, s, format, func(name string) (io.WriteCloser, error) {
				if err := os.MkdirAll(to, 0o755); err != nil {
					return nil, fmt.Errorf("making the folder: %w", err)
				}
				path := filepath.Join(to, name)
				g.view().Object(map[string]string{"type": "exported", "file": path})
				g.view().Text(path + "\n")
				return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "safetensors", "safetensors or hf")
	c.Flags().StringVar(&to, "to", ".", "the folder to write into")
	return c
}
