package cli

import (
	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

func (g *globals) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the study without looking at data or the store",
		Long: "validate loads the study, expands it and checks every stage. It reads no data and\n" +
			"needs no store." + codes(""),
		Example: "  ablate validate --chdir examples/coupling --var corpus=text.txt",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			graph, err := g.loadStudy()
			if err != nil {
				return err
			}
			g.unknownExecutors(graph.Study)
			g.view().Show(view.Valid{Study: graph.Study.Name, Instances: len(graph.Addresses())})
			return nil
		},
	}
}
