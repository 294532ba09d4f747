package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ablate/pipeline/planner"
)

func (g *globals) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ADDRESS",
		Short: "Say why an instance is cached or would run",
		Long: "explain compares what goes into an instance's key with the nearest cached entry and\n" +
			"names every field, input or fingerprint that differs." + codes(""),
		Example: "  ablate explain 'train.lm.main[\"norm=dyt.paper,optimizer=muon.paper,seed=42\"]'",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			w, s, err := g.plannedStep(c.Context(), args[0])
			if err != nil {
				return err
			}
			nearest := s.Reason
			if !s.Key.IsZero() {
				if nearest, err = w.planner.Explain(c.Context(), s); err != nil {
					return err
				}
			}
			g.explain(s, nearest)
			return nil
		},
	}
}

func (g *globals) explain(s *planner.Task, nearest planner.Reason) {
	o := map[string]any{"type": "explanation", "address": s.Address.String(), "action": s.Status, "reason": s.Reason.Text, "changes": nearest.Changes}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s: %s\n", s.Address, s.Status, s.Reason.Text)
	if s.Key.IsZero() {
		g.view().Object(o)
		g.view().Text(b.String())
		return
	}
	o["key"] = s.Key
	fmt.Fprintf(&b, "  key %s\n", s.Key)
	if !nearest.Nearest.IsZero() {
		o["nearest"] = nearest.Nearest
		fmt.Fprintf(&b, "\nAgainst the nearest other entry, %s…:\n\n", nearest.Nearest.String()[:12])
		for _, c := range nearest.Changes {
			switch {
			case c.Code && c.Part != "":
				fmt.Fprintf(&b, "  the %s's fingerprint changed, in the part %q\n", c.Path, c.Part)
			case c.Code:
				fmt.Fprintf(&b, "  the %s's fingerprint changed\n", c.Path)
			default:
				fmt.Fprintf(&b, "  %-28s %s → %s\n", c.Path, c.Was, c.Now)
			}
		}
	}
	g.view().Object(o)
	g.view().Text(b.String())
}
