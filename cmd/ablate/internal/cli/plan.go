package cli

import "github.com/spf13/cobra"

func (g *globals) planCommand() *cobra.Command {
	var detailed bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what a run would do, and why",
		Long: "plan resolves every instance against the store and says whether it is cached, would\n" +
			"run, or waits for something whose content is not known yet, each with its reason.\n" +
			"It changes nothing." + codes("2 with --detailed-exitcode when there is work to do"),
		Example: "  ablate plan --target 'norm=derf.*'",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			g.view().Diagnostics(plan.Warnings)
			g.view().PlanObjects(plan)
			g.view().Text(g.view().Plan(plan))
			if detailed && !plan.Clean() {
				return exitError{ExitChanges}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 when there is work to do")
	g.targetFlag(c)
	return c
}
