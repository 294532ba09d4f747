package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	"ablate/stages/record"
)

func runCommand(s *session) *cobra.Command {
	var r runRequest
	c := &cobra.Command{
		Use:   "run [PLAN]",
		Short: "Train what is not cached, and print the analyses",
		Long: "run shows the plan, computes what is not cached, in separate processes, and prints the results\n" +
			"of the analyses: what they found, and their tables. With -v it also prints the analyses of\n" +
			"variance, sensitivity and assumptions, which ablate show prints at any time. Press Ctrl-C once\n" +
			"to stop cleanly, twice to stop at once; finished results are kept either way.\n\n" +
			"PLAN is a file that ablate plan --out wrote. The run carries out exactly that plan, and refuses\n" +
			"if an ingredient changed since. For instances that are still pending, it compares what the study\n" +
			"declares: specs, references, contents of files, and the seed of the study.\n\n" +
			"--repeat computes a cached instance again from its sources, without touching the stored result,\n" +
			"and reports what differs: the noise between equal trials.\n\n" +
			"--detach submits Slurm jobs and exits. ablate status shows them, and the next run collects their\n" +
			"results. Instances that run on this machine are waited for." +
			exitCodes("3 with --keep-going or --partial when something failed or is missing"),
		Example: "  ablate run --var corpus=text.txt --jobs 2",
		Args:    argsBetween(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r.FolderChosen = c.Flags().Changed("chdir")
			return does(s, &r, &r.PlanFile)(c, args)
		},
	}
	f := c.Flags()
	f.IntVar(&r.Jobs, "jobs", 0, "number of actions at a time on this machine; 0 means one per core")
	f.BoolVar(&r.Detach, "detach", false, "submit Slurm jobs and do not wait for them")
	f.BoolVar(&r.KeepGoing, "keep-going", false, "after a failure, run everything that does not depend on it")
	f.BoolVar(&r.Trace, "trace", false, "warn of files that command stages read without declaring them (needs strace)")
	f.BoolVar(&r.Partial, "partial", false, "imply --keep-going, and let analyses answer from the trials that have a result")
	f.BoolVarP(&r.Verbose, "verbose", "v", false, "also show why each action is needed, and the supporting tables of analyses")
	f.StringVar(&r.Repeat, "repeat", "", "compute a cached `instance` again and report what differs")
	targetFlag(c, s, &r.Targets)
	completeFlag(c, "repeat", complete(s, anyInstance, 1))
	choiceFlag(f, c, &r.Progress, "progress", "auto", "%s", "auto", "plain", "none")
	return c
}

// runOptions say how a plan is carried out.
type runOptions struct {
	Jobs      int
	Detach    bool
	KeepGoing bool
	Trace     bool
	Progress  string
	Verbose   bool // with all that supports the results
}

// runRequest asks to carry out a plan.
type runRequest struct {
	runOptions
	Targets      []string
	Partial      bool
	Repeat       string
	PlanFile     string
	FolderChosen bool // by --chdir, which wins over the folder of PlanFile

	saved *planFile // what PlanFile holds; nil without one
}

// check refuses options that contradict each other.
func (r runRequest) check(s *session) error {
	switch {
	case r.Jobs < 0:
		return fmt.Errorf("--jobs: must be 0 or more, not %d", r.Jobs)
	case r.Repeat != "" && r.Detach:
		return errors.New("--detach cannot be combined with --repeat, which compares results at the end")
	case r.Repeat != "" && (r.PlanFile != "" || len(r.Targets) > 0):
		return errors.New("--repeat names the instance: leave out the plan and --target")
	case r.PlanFile != "" && len(r.Targets) > 0:
		return errors.New("a saved plan has its own targets: leave out --target")
	}
	return nil
}

func (r runRequest) do(ctx context.Context, s *session) error {
	if err := r.check(s); err != nil {
		return err
	}
	r.KeepGoing = r.KeepGoing || r.Partial
	if r.Repeat != "" {
		return repeatRequest{Instance: r.Repeat, runOptions: r.runOptions}.do(ctx, s)
	}
	s.resumes = true
	if err := r.openPlan(s); err != nil {
		return err
	}
	w, plan, err := r.plan(ctx, s)
	if err != nil {
		return err
	}
	return r.outcome(ctx, r.healing(ctx, s, w, plan))
}

// outcome maps failures that the user allowed for to exit code 3.
func (r runRequest) outcome(ctx context.Context, err error) error {
	var failed *run.FailedError
	if r.KeepGoing && ctx.Err() == nil && errors.As(err, &failed) {
		return exitError{ExitPartial}
	}
	return err
}

// openPlan reads the saved plan, if there is one, and takes over its options.
func (r *runRequest) openPlan(s *session) (err error) {
	if r.PlanFile == "" {
		return nil
	}
	if r.saved, err = openPlan(r.PlanFile); err != nil {
		return err
	}
	r.Targets = r.saved.Targets
	return r.saved.use(s, r.FolderChosen)
}

// plan plans the study, and checks that a saved plan still holds.
func (r runRequest) plan(ctx context.Context, s *session) (*workspace, *planner.Plan, error) {
	w, plan, err := s.planned(ctx, r.Targets...)
	if err == nil && r.saved != nil {
		err = r.saved.check(ctx, plan)
	}
	if err != nil {
		return nil, nil, err
	}
	plan, err = w.freeze(ctx, plan)
	return w, plan, err
}

// run carries out a plan and shows the analyses.
func (r runRequest) run(ctx context.Context, w *workspace, plan *planner.Plan) error {
	started := time.Now()
	idle := plan.Clean() // such a run takes no time, and ends without a notification
	s := w.session
	s.view().Diagnostics(append(plan.Warnings, lacking(ctx, w, plan)...))
	s.view().PlanSteps(plan)
	if !s.json && !plan.Clean() && r.Progress != "none" {
		text := s.view().PlanInBrief(plan)
		if r.Verbose {
			text = s.view().Plan(plan)
		}
		s.view().Note("%s", text)
		if e, ok := estimate(ctx, w, plan, r.Jobs); ok {
			s.view().Aside(e)
		}
	}
	if err := tooLarge(w, plan).Err(); err != nil {
		return err
	}
	if err := remakeDocuments(ctx, w.store, plan); err != nil {
		return err
	}
	savings := plan.Savings(ctx, w.store)
	summary, drain, err := w.carryOut(ctx, plan, r.runOptions)
	defer drain() // after the user has the answer
	if errors.Is(err, run.ErrDetached) {
		err = nil
	}
	var failed *run.FailedError
	switch {
	case err == nil && len(summary.Detached) == 0:
		err = w.showAnalyses(ctx, plan, r.Verbose)
	case r.Partial && errors.As(err, &failed):
		err = w.showPartialAnalyses(ctx, r.Verbose)
	case errors.As(err, &failed): // other analyses may have finished
		err = cmp.Or(w.showAnalyses(ctx, plan, r.Verbose), err)
	}
	e := view.SummaryOf(summary, time.Since(started))
	e.Stopped = failed != nil && failed.Stopped
	s.show(e)
	if e, ok := saved(savings); ok {
		s.view().Aside(e)
	}
	if err == nil && !s.json {
		err = showRead(ctx, w, plan)
	}
	if r.Progress != "none" && !s.json {
		showNext(w, plan, failed)
	}
	if !idle {
		notify(ctx, w, e, err)
	}
	return err
}

// showNext names the command that a user is likely to want next.
func showNext(w *workspace, plan *planner.Plan, failed *run.FailedError) {
	s := w.session
	if failed != nil {
		s.view().Note("Next: %s", s.command("status"))
		return
	}
	for _, t := range plan.Tasks {
		if t.Kind().Type == "report" && t.Role == pipeline.Analysis && t.Status == planner.Hit {
			s.view().Note("Report: %s --open", s.command("report", t.Address.Stage.Name))
			return
		}
	}
}

// showRead says how many runs of other programs a study without analyses has read: nothing
// else shows that it did.
func showRead(ctx context.Context, w *workspace, plan *planner.Plan) error {
	if slices.ContainsFunc(plan.Tasks, func(t *planner.Task) bool { return t.Role == pipeline.Analysis }) {
		return nil
	}
	for _, t := range plan.Tasks {
		if _, ok := t.Entry().Artifact(record.Trials); !ok || t.Status != planner.Hit {
			continue
		}
		rows, _, err := finishedRows(ctx, w, t)
		if err != nil {
			return err
		}
		w.session.view().Note("%s has %s. An analysis \"table\" would show them.", t.Address, view.Count(len(rows), "run"))
	}
	return nil
}

// showPartialAnalyses shows what the analyses say about the trials that have a
// result.
func (w *workspace) showPartialAnalyses(ctx context.Context, verbose bool) error {
	a, err := w.answerPartially(ctx)
	if err != nil {
		return err
	}
	// What fails although it lacks no trials has failed before, in the run.
	a.tell(w, slices.DeleteFunc(slices.Clone(a.Tasks), func(t *planner.Task) bool { return t.Absent == 0 && a.failures[t.Address] != nil })...)
	return cmp.Or(w.showAnalyses(ctx, a.Plan, verbose), error(exitError{ExitPartial}))
}

// showAnalyses prints the results of every analysis of the plan.
func (w *workspace) showAnalyses(ctx context.Context, plan *planner.Plan, verbose bool) error {
	for _, t := range plan.Tasks {
		if t.Role != pipeline.Analysis || t.Status != planner.Hit {
			continue
		}
		e, err := w.analysis(ctx, t, "text")
		if err != nil {
			return err
		}
		e.Brief = !verbose
		w.session.show(e)
	}
	return nil
}

// freeze writes the declared contrasts that a study wants frozen into its lock file,
// before the first trial runs, and plans again with them.
func (w *workspace) freeze(ctx context.Context, plan *planner.Plan) (*planner.Plan, error) {
	frozen := w.planner.Freeze(plan, time.Now())
	if len(frozen) == 0 {
		return plan, nil
	}
	lock, list := w.session.readLock()
	if err := list.Err(); err != nil {
		return nil, err
	}
	lock.Frozen = append(lock.Frozen, frozen...)
	if err := w.session.writeLock(lock); err != nil {
		return nil, err
	}
	for _, z := range frozen {
		w.planner.Frozen[z.Address] = z
		w.session.show(view.Frozen{Address: z.Address, Known: z.Known, Trials: z.Trials, Contrasts: len(z.Contrasts)})
	}
	return w.plan(ctx)
}
