package cli

import (
	"context"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

func exportContrastsCommand(s *session) *cobra.Command {
	var r exportContrastsRequest
	return &cobra.Command{
		Use:   "contrasts ANALYSIS",
		Short: "Write an analysis's numbers, one JSON object a line",
		Long: "contrasts prints what an analysis estimated as JSON, one object a line: kind (anova, simple, main,\n" +
			"interaction, gap, recovery or declared), name, estimate, low, high, f, df, p, and p_holm, n,\n" +
			"method and others where they apply. With --json the lines are events like those of other\n" +
			"commands. docs/analysis.md says how names are formed." + exitCodes(""),
		Example:           "  ablate export contrasts coupling",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, analyses, 1),
		RunE:              does(s, &r, &r.Analysis),
	}
}

// exportContrastsRequest asks for the numbers of an analysis.
type exportContrastsRequest struct{ Analysis string }

func (r exportContrastsRequest) do(ctx context.Context, s *session) error {
	w, _, t, err := s.plannedTask(ctx, analyses, r.Analysis)
	if err != nil {
		return err
	}
	result, err := readResult(ctx, w.store, t)
	if err != nil {
		return err
	}
	for _, line := range result.Lines() {
		s.show(view.Contrast{Line: line})
	}
	return nil
}
