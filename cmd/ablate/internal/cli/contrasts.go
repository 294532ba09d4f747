package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
)

func (g *globals) exportContrastsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "contrasts NAME",
		Short: "Print an analysis's numbers, one a line",
		Long: "contrasts prints what an analysis estimated, one JSON object a line, with or without --json:\n" +
			"kind (anova, simple, main, interaction, gap, recovery, declared), name, estimate, low, high, f, df, p,\n" +
			"and beside them p_holm, n, method and others that the kind has. NAME is the block's second\n" +
			"label, or an address. docs/analysis.md says how names are made." + codes(""),
		Example: "  ablate export contrasts coupling --json",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			s, err := findAnalysis(plan, args[0])
			if err != nil {
				return err
			}
			r, err := readResult(c.Context(), w.store, s)
			if err != nil {
				return err
			}
			enc := json.NewEncoder(g.app.Stdout)
			for _, l := range r.Lines() {
				if err := enc.Encode(l); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func findAnalysis(plan *planner.Plan, name string) (*planner.Task, error) {
	var found []*planner.Task
	for _, s := range plan.Tasks {
		if s.Role == pipeline.Analysis && (s.Address.Stage.Name == name || s.Address.String() == name) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the study has no analysis %q; ablate show lists what it has", name)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("the study has several analyses %q: name one by its address, for example\n\n    %s", name, shellQuote(found[0].Address.String()))
}

func readResult(ctx context.Context, store cache.Store, s *planner.Task) (r answer.Result, err error) {
	if err := s.Cached(); err != nil {
		return r, err
	}
	a, ok := s.Entry.Artifact(forms["json"])
	if !ok {
		return r, fmt.Errorf("%s has no numbers", s.Address)
	}
	raw, err := cache.ReadAll(ctx, store, a.Digest)
	if err != nil {
		return r, err
	}
	if r, err = answer.Parse(raw, a.Digest); err != nil {
		return r, fmt.Errorf("reading the result of %s: %w", s.Address, err)
	}
	return r, nil
}
