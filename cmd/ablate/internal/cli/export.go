package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
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
