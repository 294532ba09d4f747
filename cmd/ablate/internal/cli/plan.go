package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
)

func planCommand(s *session) *cobra.Command {
	var r planRequest
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would do, and why",
		Long: "plan resolves every instance against the store. It says whether the instance is cached, has to\n" +
			"run, or is pending because something that it depends on has to run first, each with the reason.\n" +
			"It changes nothing.\n\n" +
			"--refresh first runs the data stages, and nothing else, so that the keys of all trials are\n" +
			"known. It runs no programs: data \"command\" has to be run. --out saves the plan; ablate run FILE\n" +
			"carries out exactly that plan." +
			exitCodes("2 with --detailed-exitcode when there is work to do"),
		Example: "  ablate plan --target 'norm=derf.*'",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().BoolVar(&r.Detailed, "detailed-exitcode", false, "exit with 2 when there is work to do")
	c.Flags().BoolVar(&r.Refresh, "refresh", false, "run the data stages first")
	c.Flags().StringVar(&r.Out, "out", "", "save the plan in a `file`")
	targetFlag(c, s, &r.Targets)
	return c
}

// planRequest asks what a run would do.
type planRequest struct {
	Targets  []string
	Detailed bool
	Refresh  bool
	Out      string
}

func (r planRequest) do(ctx context.Context, s *session) error {
	if r.Out != "" {
		if err := mayReplace(r.Out); err != nil {
			return err
		}
	}
	if r.Refresh {
		if err := r.refresh(ctx, s); err != nil {
			return err
		}
	}
	w, plan, err := s.planned(ctx, r.Targets...)
	if err != nil {
		return err
	}
	s.warnUnknownExecutors(w.graph.Study)
	s.view().Diagnostics(append(plan.Warnings, lacking(ctx, w, plan)...))
	s.view().PlanSteps(plan)
	s.view().Text(s.view().Plan(plan))
	if err := showFailures(w, plan); err != nil {
		return err
	}
	if e, ok := estimate(ctx, w, plan, 0); ok {
		s.show(e)
	}
	if e, ok := saved(plan.Savings(ctx, w.store)); ok {
		s.show(e)
	}
	if r.Out != "" {
		if err := savePlan(s, r.Out, r.Targets, plan); err != nil {
			return err
		}
	}
	if err := tooLarge(w, plan).Err(); err != nil {
		return err
	}
	if r.Detailed && !plan.Clean() {
		return exitError{ExitChanges}
	}
	return nil
}

// refresh runs the data stages of the plan, because all other keys depend on them. It
// leaves out programs of the user and what is made from their output: looking at the
// plan of a study must not run its code.
func (r planRequest) refresh(ctx context.Context, s *session) error {
	w, plan, err := s.planned(ctx, r.Targets...)
	if err != nil {
		return err
	}
	data := make(map[addr.Instance]bool)
	waits := make(map[*graph.Node]bool) // for a program
	var programs []string
	for _, n := range w.graph.Nodes {
		t := plan.Task(n.Instance.Address)
		if t == nil || t.Status == planner.Hit || t.Status == planner.Pull {
			continue
		}
		for dep := range n.Deps() {
			waits[n] = waits[n] || waits[dep]
		}
		if t.Role == pipeline.Data && t.Kind().Program {
			waits[n] = true
			programs = append(programs, t.Address.String())
		}
		data[t.Address] = t.Role == pipeline.Data && !waits[n]
	}
	if len(programs) > 0 {
		s.view().Diagnostics(diag.Warningf(nil, "Programs are not run", "plan --refresh runs no programs of the study, so what depends on %s stays pending. Run them with\n\n    %s",
			strings.Join(programs, ", "), s.command("run", "--target", programs[0])))
	}
	w.planner.Select = func(_ *planner.Planner, a addr.Instance) bool { return data[a] }
	if plan, err = w.plan(ctx); err != nil {
		return err
	}
	_, drain, err := w.carryOut(ctx, plan, runOptions{Progress: "none"})
	drain()
	return err
}

// saved is the training time that the cache saves, if any.
func saved(of planner.Savings) (view.Saved, bool) {
	return view.Saved{Trials: of.Trials, Seconds: of.Seconds, Estimated: of.Estimated}, of.Trials > 0 && of.Seconds > 0
}
