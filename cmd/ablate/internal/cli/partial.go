package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// partialFlag adds --partial to commands that show answers.
func (g *globals) partialFlag(c *cobra.Command) {
	c.Flags().BoolVar(&g.partial, "partial", false, "answer from the trials that have a result; nothing is trained")
}

// answered plans the study; with --partial it has the analyses answer first.
func (g *globals) answered(ctx context.Context) (*workspace, *planner.Plan, error) {
	if !g.partial {
		return g.planned(ctx)
	}
	w, err := g.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	plan, err := g.answer(ctx, w)
	return w, plan, err
}

// answer runs the analyses over what is cached, and nothing else.
func (g *globals) answer(ctx context.Context, w *workspace) (*planner.Plan, error) {
	w.planner.Partial = true
	plan, err := w.plan(ctx)
	if err != nil {
		return nil, err
	}
	runner, err := g.runner(ctx, w, 0, nil)
	if err != nil {
		return nil, err
	}
	_, err = runner.Run(ctx, plan.Only(func(s *planner.Task) bool {
		return s.Role == pipeline.Analysis || s.Status == planner.Pull
	}))
	return plan, err
}

// partial is the outcome of showing something that goes without inputs.
func partial(steps ...*planner.Task) error {
	for _, s := range steps {
		if s.Absent > 0 {
			return exitError{ExitPartial}
		}
	}
	return nil
}
