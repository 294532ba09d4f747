package cli

import "github.com/spf13/cobra"

// instancesTopic is a page of help on the grammar of package selector.
func instancesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "instances",
		Short: "How to name instances on the command line",
		Long: `Commands that take an INSTANCE, an ANALYSIS or TRIALS, and the flag --target, accept

  train.lm.main["norm=derf.paper,seed=1"]   an address; quote it for the shell
  train.lm.*, train                         addresses that match a pattern
  main, derf.paper, derf.alpha:0.1          the name of a stage, with its type or key
  Derf                                      a label
  norm=derf.*,seed=1                        levels, by text, address, label or value
  main[seed=1]                              levels of one stage

The first of these readings that selects anything wins. Where one instance is needed, a text
that names several is an error. Shell completion (ablate completion --help) completes names,
addresses, factors and levels.`,
	}
}
