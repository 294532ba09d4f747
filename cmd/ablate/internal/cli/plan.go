package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

func (g *globals) planCommand() *cobra.Command {
	var detailed, refresh bool
	var out string
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what a run would do, and why",
		Long: "plan resolves every instance against the store and says whether it is cached, would\n" +
			"run, or waits for something whose content is not known yet, each with its reason.\n" +
			"It changes nothing. --refresh first reads and tokenizes the data, and nothing else, so that\n" +
			"the trials' keys are known; --out keeps the plan, for ablate run to carry out as it is." + codes("2 with --detailed-exitcode when there is work to do"),
		Example: "  ablate plan --target 'norm=derf.*'",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if refresh {
				if err := g.refresh(c.Context()); err != nil {
					return err
				}
			}
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			g.unknownExecutors(w.graph.Study)
			g.view().Diagnostics(plan.Warnings)
			g.view().PlanObjects(plan)
			g.view().Text(g.view().Plan(plan))
			if line := g.saved(plan.Savings(c.Context(), w.store)); line != "" {
				g.view().Text(line + "\n")
			}
			if out != "" {
				if err := g.savePlan(out, plan); err != nil {
					return err
				}
			}
			if err := w.fits(plan).Err(); err != nil {
				return err
			}
			if detailed && !plan.Clean() {
				return exitError{ExitChanges}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 when there is work to do")
	c.Flags().BoolVar(&refresh, "refresh", false, "run the data stages first")
	c.Flags().StringVar(&out, "out", "", "keep the plan in a `file`")
	g.targetFlag(c)
	return c
}

// refresh runs the data stages of the plan, on which all other keys rest.
func (g *globals) refresh(ctx context.Context) error {
	w, plan, err := g.planned(ctx)
	if err != nil {
		return err
	}
	data := make(map[addr.Instance]bool)
	for _, s := range plan.Tasks {
		data[s.Address] = s.Role == pipeline.Data
	}
	w.planner.Select = func(_ *planner.Planner, a addr.Instance) bool { return data[a] }
	if plan, err = w.plan(ctx); err != nil {
		return err
	}
	_, drain, err := g.carryOut(ctx, w, plan, 0, "none", false)
	drain()
	return err
}
