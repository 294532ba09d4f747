package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline/planner"
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
			for _, l := range r.lines() {
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
		if s.Block == "analysis" && (s.Address.Stage.Name == name || s.Address.String() == name) {
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

// exportedTerm is one level against another.
type exportedTerm struct{ Factor, Level, Baseline string }

// exportedLine is one number of an analysis for other programs. Absent numbers
// are null.
type exportedLine struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Estimate *float64  `json:"estimate"`
	Low      *float64  `json:"low"`
	High     *float64  `json:"high"`
	F        *float64  `json:"f"`
	DF       []float64 `json:"df"`
	P        *float64  `json:"p"`

	PHolm      *float64 `json:"p_holm,omitempty"`
	N          int      `json:"n,omitempty"`
	Method     string   `json:"method,omitempty"`
	HalfWidth  *float64 `json:"half_width,omitempty"`
	Detectable *float64 `json:"detectable,omitempty"`
	BootLow    *float64 `json:"bootstrap_low,omitempty"`
	BootHigh   *float64 `json:"bootstrap_high,omitempty"`
	SS         *float64 `json:"ss,omitempty"`
	Eta2       *float64 `json:"eta2,omitempty"`
	PartialEta *float64 `json:"partial_eta2,omitempty"`
	Omega2     *float64 `json:"omega2,omitempty"`
	Missing    []string `json:"missing,omitempty"`
	Planned    bool     `json:"planned,omitempty"`
}

// analysisResult is what programs may know of an analysis's result.
type analysisResult struct {
	Cells []struct {
		Levels   []string
		N        int
		Mean, SD *float64
	}
	Anova []struct {
		Name       string
		SS         float64
		DF         float64
		F, P       *float64
		Eta2       *float64
		PartialEta *float64 `json:"partial_eta2"`
		Omega2     *float64
	}
	AnovaBy   string `json:"anova_method"`
	Contrasts []struct {
		exportedLine
		DF     *float64 `json:"df"`
		Terms  []exportedTerm
		At     map[string]string
		Simple bool
	}

	digest cache.Digest
}

func readResult(ctx context.Context, store cache.Store, s *planner.Task) (r analysisResult, err error) {
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
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("reading the result of %s: %w", s.Address, err)
	}
	r.digest = a.Digest
	return r, nil
}

// lines turns a result into lines for programs.
func (r analysisResult) lines() []exportedLine {
	var out []exportedLine
	for _, a := range r.Anova {
		l := exportedLine{Kind: "anova", Name: a.Name, F: a.F, DF: []float64{a.DF}, P: a.P, Method: r.AnovaBy,
			SS: &a.SS, Eta2: a.Eta2, PartialEta: a.PartialEta, Omega2: a.Omega2}
		if a.Name != "residual" {
			l.DF = append(l.DF, r.Anova[len(r.Anova)-1].DF)
		}
		out = append(out, l)
	}
	for _, c := range r.Contrasts {
		l := c.exportedLine
		l.DF = []float64{}
		if c.DF != nil {
			l.DF = append(l.DF, *c.DF)
		}
		if len(c.Terms) > 0 {
			l.Name = contrastName(l.Kind, c.Terms, c.At)
		}
		out = append(out, l)
		if c.Simple {
			l.Kind = "simple"
			out = append(out, l)
		}
	}
	return out
}

// contrastName is a contrast's name for programs: "norm: derf - rmsnorm @
// optimizer=muon", "norm x optimizer: (derf - rmsnorm) x (muon - adamw)", "norm:
// ema of derf - rmsnorm".
func contrastName(kind string, terms []exportedTerm, at map[string]string) string {
	switch {
	case kind == "recovery" && len(terms) == 2:
		return fmt.Sprintf("%s: %s of %s - %s", terms[0].Factor, terms[0].Level, terms[1].Baseline, terms[1].Level)
	case len(terms) == 2:
		return fmt.Sprintf("%s x %s: (%s - %s) x (%s - %s)", terms[0].Factor, terms[1].Factor,
			terms[0].Level, terms[0].Baseline, terms[1].Level, terms[1].Baseline)
	}
	name := fmt.Sprintf("%s: %s - %s", terms[0].Factor, terms[0].Level, terms[0].Baseline)
	var where []string
	for _, f := range slices.Sorted(maps.Keys(at)) {
		where = append(where, f+"="+at[f])
	}
	if len(where) > 0 {
		name += " @ " + strings.Join(where, ", ")
	}
	return name
}
