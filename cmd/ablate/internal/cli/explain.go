package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

func explainCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "explain INSTANCE",
		Short: "Say why an instance is cached or has to run",
		Long: "explain compares the ingredients of an instance's key with those of the nearest cached entry\n" +
			"and names every field, input and fingerprint that differs." + exitCodes(""),
		Example:           "  ablate explain 'train.lm.main[\"norm=dyt.paper,optimizer=muon.paper,seed=42\"]'",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return explainRequest{Instance: args[0]}.do(c.Context(), s)
		},
	}
}

// explainRequest asks why an instance is cached or has to run.
type explainRequest struct{ Instance string }

func (r explainRequest) do(ctx context.Context, s *session) error {
	w, _, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	e := view.Explanation{Address: t.Address.String(), Action: t.Status, Reason: t.Reason.Text, Changes: t.Reason.Changes}
	if !t.Key.IsZero() {
		nearest, err := w.planner.Explain(ctx, t)
		if err != nil {
			return err
		}
		e.Key, e.Changes = &t.Key, nearest.Changes
		if !nearest.Nearest.IsZero() {
			e.Nearest = &nearest.Nearest
		}
	}
	s.show(e)
	return nil
}
