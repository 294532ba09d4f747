package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

// explain is the command of that name.
type explain struct {
	address string
}

func (g *globals) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ADDRESS",
		Short: "Say why an instance is cached or would run",
		Long: "explain compares what goes into an instance's key with the nearest cached entry and\n" +
			"names every field, input or fingerprint that differs." + codes(""),
		Example: "  ablate explain 'train.lm.main[\"norm=dyt.paper,optimizer=muon.paper,seed=42\"]'",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			event, err := explain{address: args[0]}.run(c.Context(), g)
			if err != nil {
				return err
			}
			g.view().Show(event)
			return nil
		},
	}
}

func (x explain) run(ctx context.Context, g *globals) (view.Explanation, error) {
	w, s, err := g.plannedStep(ctx, x.address)
	if err != nil {
		return view.Explanation{}, err
	}
	e := view.Explanation{Address: s.Address.String(), Action: s.Status, Reason: s.Reason.Text, Changes: s.Reason.Changes}
	if s.Key.IsZero() {
		return e, nil
	}
	e.Key = &s.Key
	nearest, err := w.planner.Explain(ctx, s)
	if err != nil {
		return view.Explanation{}, err
	}
	e.Changes = nearest.Changes
	if !nearest.Nearest.IsZero() {
		e.Nearest = &nearest.Nearest
	}
	return e, nil
}
