package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
)

func explainCommand(s *session) *cobra.Command {
	var r explainRequest
	return &cobra.Command{
		Use:   "explain INSTANCE",
		Short: "Say why an instance is cached or has to run",
		Long: "explain compares the ingredients of an instance's key with those of the nearest earlier result\n" +
			"of the study, or of another study that hardly differs. It names every field, input and fingerprint\n" +
			"that differs, and the instances of the study that are the same computation." + exitCodes(""),
		Example:           "  ablate explain 'train.lm.main[\"norm=dyt.paper,optimizer=muon.paper,seed=42\"]'",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE:              does(s, &r, &r.Instance),
	}
}

// explainRequest asks why an instance is cached or has to run.
type explainRequest struct{ Instance string }

func (r explainRequest) do(ctx context.Context, s *session) error {
	w, plan, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	e := view.Explanation{Address: t.Address.String(), Action: t.Status, Reason: t.Reason.Text, Changes: t.Reason.Changes}
	if !t.Key.IsZero() {
		nearest, err := w.planner.Explain(ctx, t)
		if err != nil {
			return err
		}
		e.Key, e.Changes, e.Twins = &t.Key, nearest.Changes, twins(plan, t)
		if !nearest.Nearest.IsZero() {
			e.Nearest, e.Study = &nearest.Nearest, nearest.Study
		}
	}
	if e.Action == planner.Same {
		e.Twins = nil // the reason names one
	}
	s.show(e)
	return nil
}

// twins lists the first other instances with the key of a task, which are one result
// however they are written.
func twins(plan *planner.Plan, t *planner.Task) (out []string) {
	const most = 5
	for _, other := range plan.Tasks {
		if other != t && other.Key == t.Key && len(out) < most {
			out = append(out, other.Address.String())
		}
	}
	return out
}
