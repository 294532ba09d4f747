package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/analysis"
	"ablate/stages/analysis/power"
	"ablate/stages/answer"
	"ablate/stages/answer/figure"
)

func powerCommand(s *session) *cobra.Command {
	var r powerRequest
	c := &cobra.Command{
		Use:   "power ANALYSIS",
		Short: "Say how many replicates an effect needs",
		Long: "power says what a factorial with more or fewer replicates would find: the half-width of its\n" +
			"intervals, the power for an effect, and with a margin the power to show equivalence. Standard\n" +
			"deviations are those of the analysis's result, a pilot or a table of finished runs, each with its\n" +
			"upper 90 % bound. With --sd no result is needed. Without --effect the effect of each contrast is\n" +
			"the pilot's estimate, which is itself uncertain: prefer the smallest effect that matters.\n\n" +
			"--figure writes power by the number of replicates as SVG, PDF, PNG and CSV files into a folder." + exitCodes(""),
		Example:           "  ablate power coupling --effect 0.05 --replicates 3,5,10 --figure figures",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, analyses, 1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, flag := range []struct {
				name  string
				value float64
			}{{"effect", r.Effect}, {"margin", r.Margin}, {"sd", r.SD}} {
				if c.Flags().Changed(flag.name) && (!(flag.value > 0) || math.IsInf(flag.value, 0)) {
					return fmt.Errorf("--%s: must be above 0, not %v", flag.name, flag.value)
				}
			}
			return does(s, &r, &r.Analysis)(c, args)
		},
	}
	c.Flags().IntSliceVar(&r.Replicates, "replicates", []int{3, 5, 8, 10, 15, 20, 30}, "the `numbers` of replicates to try")
	c.Flags().Float64Var(&r.Effect, "effect", 0, "the `effect` to find (default: the pilot's estimate)")
	c.Flags().Float64Var(&r.Margin, "margin", 0, "the `margin` of equivalence (default: that of the analysis)")
	c.Flags().Float64Var(&r.SD, "sd", 0, "the `s.d.` of a trial in its cell, without the part that all trials of a replicate share (default: the pilot's)")
	c.Flags().StringVar(&r.Figure, "figure", "", "also draw power by replicates, as files in a `folder`")
	return c
}

// powerRequest asks what an analysis would find with other numbers of replicates.
type powerRequest struct {
	Analysis           string
	Replicates         []int
	Effect, Margin, SD float64 // 0 means not given
	Figure             string  // the folder of the figure; "" for none
}

func (r powerRequest) do(ctx context.Context, s *session) error {
	r.Replicates = slices.Compact(slices.Sorted(slices.Values(r.Replicates)))
	for _, n := range r.Replicates {
		if n < 2 || n > 1e6 {
			return fmt.Errorf("--replicates: each number must be from 2 to 1000000, not %d: one replicate has no interval", n)
		}
	}
	if r.SD > 0 && r.Effect == 0 {
		return fmt.Errorf("--sd needs --effect: without a pilot there is no estimate to take as the effect")
	}
	w, plan, t, err := s.plannedTask(ctx, analyses, r.Analysis)
	if err != nil {
		return err
	}
	stage, ok := t.Spec().(*analysis.Factorial)
	if !ok {
		return fmt.Errorf("%s is no factorial: power answers for the contrasts of analysis \"factorial\"", t.Address)
	}
	contrasts, err := r.contrasts(ctx, w, plan, t, stage)
	if err != nil {
		return err
	}
	q := r.question(stage)
	minutes := minutesOfReplicate(ctx, w, plan, t, stage.Replicate)
	var curves []figure.PowerCurve
	for _, c := range contrasts {
		answers := q.Answers(c)
		curves = append(curves, powerCurve(c, answers))
		var events []view.Power
		for _, a := range answers {
			e := powerEvent(q, c, a, minutes)
			e.Noun = stage.Replicate + "s"
			events = append(events, e)
			s.show(e)
		}
		s.view().Fitted(func(width int) string { return view.PowerTable(events, width) })
	}
	if r.Figure == "" {
		return nil
	}
	drawn, ok := figure.Power(stage.Replicate+"s", curves)
	if !ok {
		return errors.New("--figure: power by one number of replicates is no curve: give --replicates two or more")
	}
	return writeFigures(s, r.Figure, []figure.Figure{drawn})
}

// powerCurve is the power for a contrast by replicates.
func powerCurve(c power.Contrast, answers []power.Answer) figure.PowerCurve {
	out := figure.PowerCurve{Contrast: c.Name}
	for _, a := range answers {
		out.Replicates, out.Power = append(out.Replicates, a.Replicates), append(out.Power, a.Power)
		if !math.IsNaN(c.Upper) {
			out.Least = append(out.Least, a.PowerUpper)
		}
	}
	return out
}

// question is what the request and the analysis declare.
func (r powerRequest) question(f *analysis.Factorial) power.Question {
	q := power.Question{Replicates: r.Replicates, Effect: r.Effect, Confidence: f.Confidence, Margin: r.Margin, Alpha: f.Alpha, NotWorse: f.Direction == "not worse"}
	if q.Margin == 0 && f.Margin != nil {
		q.Margin = *f.Margin
	}
	return q
}

// contrasts are those of the pilot, or those of the design with a given standard
// deviation.
func (r powerRequest) contrasts(ctx context.Context, w *workspace, plan *planner.Plan, t *planner.Task, f *analysis.Factorial) ([]power.Contrast, error) {
	if r.SD > 0 {
		factors, err := comparedFactors(ctx, w, plan, t, f)
		return f.Design(factors).Contrasts(r.SD), err
	}
	result, err := readResult(ctx, w.store, t)
	if err != nil {
		return nil, fmt.Errorf("%w. Without a pilot, give a standard deviation with --sd", err)
	}
	known, unknown := power.Pilot(result)
	switch {
	case len(known) == 0:
		return nil, fmt.Errorf("no contrast of %s has a standard deviation: a pilot needs two replicates of each cell that differ. Give one with --sd", t.Address)
	case len(unknown) > 0:
		w.session.view().Note("Left out %s without a standard deviation: %s.", view.Count(len(unknown), "contrast"), strings.Join(unknown, "; "))
	}
	return known, nil
}

// comparedFactors are the factors of an analysis and their numbers of levels: as its
// result says, or as its trials declare them.
func comparedFactors(ctx context.Context, w *workspace, plan *planner.Plan, t *planner.Task, f *analysis.Factorial) ([]power.Factor, error) {
	if result, err := readResult(ctx, w.store, t); err == nil {
		return resultFactors(result), nil
	}
	var trials []pipeline.Input
	for _, d := range plan.Needs(t) {
		if d.Role == pipeline.Trial && slices.Contains(f.Trials, d.Address) {
			trials = append(trials, pipeline.Input{Address: d.Address, Factors: w.graph.Instance(d.Address).Factors})
		}
	}
	if len(trials) == 0 {
		return nil, fmt.Errorf("the factors of %s are known when its files have been read: run the study first", t.Address)
	}
	return f.Compared(trials)
}

func resultFactors(r answer.Result) []power.Factor {
	var out []power.Factor
	for _, f := range r.Factors {
		out = append(out, power.Factor{Name: f.Name, Levels: len(f.Levels)})
	}
	return out
}

// minutesOfReplicate is how long one trial of each cell trains, as the cached trials
// of an analysis took on average; NaN without timings.
func minutesOfReplicate(ctx context.Context, w *workspace, plan *planner.Plan, t *planner.Task, replicate string) float64 {
	var seconds []float64
	var cells []string
	for _, d := range plan.Needs(t) {
		if d.Role != pipeline.Trial {
			continue
		}
		var cell []string
		for _, f := range w.graph.Instance(d.Address).Factors {
			if f.Name != replicate {
				cell = append(cell, f.Level.String())
			}
		}
		cells = append(cells, strings.Join(cell, ","))
		if took, ok := planner.ComputeSeconds(ctx, w.store, d.Entry()); d.Status == planner.Hit && ok {
			seconds = append(seconds, took)
		}
	}
	if len(seconds) == 0 {
		return math.NaN()
	}
	slices.Sort(cells)
	sum := 0.0
	for _, v := range seconds {
		sum += v
	}
	return sum / float64(len(seconds)) * float64(len(slices.Compact(cells))) / 60
}

func powerEvent(q power.Question, c power.Contrast, a power.Answer, minutes float64) view.Power {
	e := view.Power{
		Contrast: c.Name, Kind: c.Kind, Replicates: a.Replicates, Effect: a.Effect, PowerAdjusted: a.PowerAdjusted,
		PowerAt: view.PowerAt{SD: c.SD, HalfWidth: a.Half, Power: a.Power, EquivalencePower: answer.Finite(a.Equivalence)},
		Minutes: answer.Finite(minutes * float64(a.Replicates)),
	}
	if q.Margin > 0 {
		e.Margin = &q.Margin
	}
	if !math.IsNaN(c.Upper) {
		e.Upper = &view.PowerAt{SD: c.Upper, HalfWidth: a.HalfUpper, Power: a.PowerUpper, EquivalencePower: answer.Finite(a.EquivalenceUpper)}
	}
	return e
}
