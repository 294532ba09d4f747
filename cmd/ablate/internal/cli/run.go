package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

func (g *globals) runCommand() *cobra.Command {
	var jobs int
	var detach bool
	var progress, repeat string
	c := &cobra.Command{
		Use:   "run [PLAN]",
		Short: "Train what is not cached, and print the analyses",
		Long: "run shows the plan, computes what is not cached, each trial in a process of its own,\n" +
			"and prints the tables of the analyses. The first Ctrl-C stops cleanly, the second at\n" +
			"once; nothing that is finished is lost. PLAN is a file of ablate plan --out: the run does what\n" +
			"it says, or nothing when an ingredient moved since. --repeat computes an instance that is cached once more,\n" +
			"from its sources, and says what differs: the noise of equal trials.\n\n" +
			"--detach submits what Slurm is to compute and leaves: ablate status shows the jobs, and the next\n" +
			"run adopts them. What runs on this machine is waited for." +
			codes("3 with --keep-going or --partial when something failed or is missing"),
		Example: "  ablate run --var corpus=text.txt --jobs 2",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case jobs < 0:
				return fmt.Errorf("--jobs: %d is not a number of actions", jobs)
			case progress != "auto" && progress != "plain" && progress != "none":
				return fmt.Errorf("--progress: %q is none of auto, plain, none", progress)
			}
			if repeat != "" {
				if detach {
					return errors.New("--detach does not go with --repeat, which compares when it is done")
				}
				return g.repeat(c.Context(), repeat, jobs, progress)
			}
			var saved *planFile
			if len(args) > 0 {
				var err error
				if saved, err = g.openPlan(args[0], c.Flags().Changed("chdir")); err != nil {
					return err
				}
			}
			return g.run(c.Context(), saved, jobs, progress, detach)
		},
	}
	c.Flags().IntVar(&jobs, "jobs", 0, "actions at once on this machine; 0 means one for each core")
	c.Flags().BoolVar(&detach, "detach", false, "leave trials to their Slurm jobs once they are submitted")
	c.Flags().BoolVar(&g.keepGoing, "keep-going", false, "after a failure, run what does not depend on it")
	c.Flags().BoolVar(&g.trace, "trace", false, "warn of files that command stages read without declaring them (needs strace)")
	c.Flags().BoolVar(&g.partial, "partial", false, "as --keep-going, and let analyses answer from the trials that have a result")
	c.Flags().StringVar(&progress, "progress", "auto", "auto, plain or none")
	c.Flags().StringVar(&repeat, "repeat", "", "compute a cached instance again beside the store and keep what differs: an `address`")
	g.targetFlag(c)
	return c
}

func (g *globals) run(ctx context.Context, saved *planFile, jobs int, mode string, detach bool) error {
	started := time.Now()
	w, plan, err := g.planned(ctx)
	if err != nil {
		return err
	}
	if saved != nil {
		if err := saved.check(plan); err != nil {
			return err
		}
	}
	if plan, err = g.freeze(ctx, w, plan); err != nil {
		return err
	}
	g.view().Diagnostics(plan.Warnings)
	g.view().PlanObjects(plan)
	if !g.json && !plan.Clean() && mode != "none" {
		g.view().Note("%s", g.view().Plan(plan))
	}
	if err := w.fits(plan).Err(); err != nil {
		return err
	}
	spared := plan.Savings(ctx, w.store)
	summary, drain, err := g.carryOut(ctx, w, plan, jobs, mode, detach)
	defer drain() // once the user has the answer
	if errors.Is(err, run.ErrLeft) {
		err = nil
	}
	var failed *run.FailedError
	switch {
	case err == nil && len(summary.Left) == 0:
		err = g.showAnalyses(ctx, w, plan)
	case g.partial && errors.As(err, &failed):
		err = g.answerPartially(ctx, w)
	}
	g.view().Object(struct {
		Type string `json:"type"`
		run.Summary
	}{"summary", summary})
	if !g.json {
		g.view().Note("%s", summaryLine(summary, time.Since(started)))
	}
	if line := g.saved(spared); line != "" {
		g.view().Note("%s", line)
	}
	return err
}

// carryOut runs a plan, having written down what it needs. What it makes is sent
// to the remote meanwhile; drain waits for the rest.
func (g *globals) carryOut(ctx context.Context, w *workspace, plan *planner.Plan, jobs int, mode string, detach bool) (summary run.Summary, drain func(), err error) {
	drain = func() {}
	if err := w.recordRoot(plan); err != nil {
		return summary, drain, err
	}
	trials := plan.CountTrials(planner.Run, planner.Resume, planner.Pending)
	shown := g.view().NewProgress(mode, trials)
	var pulled pulls
	runner, err := g.runner(ctx, w, jobs, pulled.watch(plan, shown.Observe))
	if err != nil {
		return summary, drain, err
	}
	var cluster *launch.Cluster
	if runner.Executors, cluster, err = g.executors(w, detach); err != nil {
		return summary, drain, err
	}
	if detach {
		if err := checkDetach(runner.Executors); err != nil {
			return summary, drain, err
		}
	}
	var outage remote.Outage
	if drain, err = g.pushing(ctx, w, runner, &outage); err != nil {
		return summary, drain, err
	}
	if w.remote != nil {
		w.planner.Store = remote.Tiered{Local: w.store, Remote: w.remote, Outage: &outage}
	}
	summary, failure := runner.Run(ctx, plan)
	shown.Close()
	g.view().Diagnostics(w.refused.warnings())
	if err := outage.Err(); err != nil {
		g.view().Diagnostics(diag.Warningf(nil, "The remote failed", "%v. From then on the run went on without it.", err))
	}
	if cluster != nil && cluster.Left() > 0 {
		g.view().Note("%s in Slurm without this process. See them with ablate status, collect them with ablate run.", counted(cluster.Left(), "trial goes on", "trials go on"))
	}
	pulled.tell(ctx, g, w)
	return summary, drain, errors.Join(failure, w.recordRoot(plan), w.save()) // once more: keys became known on the way
}

// answerPartially shows what the analyses say about the trials there are.
func (g *globals) answerPartially(ctx context.Context, w *workspace) error {
	plan, err := g.answer(ctx, w)
	if err != nil {
		return err
	}
	return cmp.Or(g.showAnalyses(ctx, w, plan), error(exitError{ExitPartial}))
}

// freeze writes down the declared contrasts that a study wants frozen before
// the first trial runs, and plans again with them.
func (g *globals) freeze(ctx context.Context, w *workspace, plan *planner.Plan) (*planner.Plan, error) {
	frozen := w.planner.Freeze(plan, time.Now())
	if len(frozen) == 0 {
		return plan, nil
	}
	lock, list := g.readLock()
	if err := list.Err(); err != nil {
		return nil, err
	}
	lock.Frozen = append(lock.Frozen, frozen...)
	if err := g.writeLock(lock); err != nil {
		return nil, err
	}
	for _, z := range frozen {
		w.planner.Frozen[z.Address] = z
		g.view().Object(map[string]any{"type": "frozen", "address": z.Address, "known": z.Known, "trials": z.Trials})
		g.view().Note("Froze %s of %s in %s; %d of %d trials had a result by now. Commit it.",
			count(len(z.Contrasts), "contrast"), z.Address, study.LockFile, z.Known, z.Trials)
	}
	return w.plan(ctx)
}

// pushing sends what a run makes to the remote, in the background. The function
// it returns waits for that, unless the user interrupts it then, and reports what
// could not be sent: that is no failure of the run, whose results are here.
func (g *globals) pushing(ctx context.Context, w *workspace, runner *run.Runner, outage *remote.Outage) (drain func(), err error) {
	c, err := g.config()
	if err != nil || w.remote == nil || !c.Remote.Push {
		return func() {}, err
	}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := remote.NewPusher(sending, w.store, w.remote, outage)
	runner.Published = p.Add
	return func() {
		defer stop()
		if ctx.Err() == nil {
			defer context.AfterFunc(ctx, stop)()
		}
		const silent = 2 * time.Second
		defer time.AfterFunc(silent, func() {
			g.view().Note("Results are still being sent to %s. Interrupt this to leave it to ablate cache push.", w.remote)
		}).Stop()
		pushed, moved, failed := p.Close()
		g.view().Object(map[string]any{"type": "pushed", "remote": w.remote.URL(), "entries": pushed, "blobs": moved.Blobs, "bytes": moved.Bytes, "failed": len(failed)})
		if pushed > 0 {
			g.view().Note("Pushed %s (%s) to %s.", counted(pushed, "entry", "entries"), size(moved.Bytes), w.remote)
		}
		if len(failed) > 0 {
			g.view().Note("%s not pushed: %v\nThey are in the local store; send them with ablate cache push.",
				counted(len(failed), "entry was", "entries were"), failed[0])
		}
	}, nil
}

// recordRoot writes down what the run needs before it starts, so that nothing
// of it can be collected meanwhile. A run of a part of the study gives up
// nothing of the rest.
func (w *workspace) recordRoot(plan *planner.Plan) error {
	root := cache.Root{Study: w.graph.Study.Name, Dir: w.graph.Study.Dir, Time: time.Now().UTC()}
	for _, s := range plan.Tasks {
		if !s.Key.IsZero() {
			root.Keys = append(root.Keys, s.Key)
		}
	}
	if w.planner.Select != nil {
		before, err := w.store.RootOf(root.Study, root.Dir)
		if err != nil {
			return fmt.Errorf("reading what the last run needs: %w; run the whole study once, without --target", err)
		}
		root.Keys = append(root.Keys, before.Keys...)
		slices.SortFunc(root.Keys, func(a, b cache.Key) int { return bytes.Compare(a[:], b[:]) })
		root.Keys = slices.Compact(root.Keys)
	}
	return w.store.PutRoot(root)
}

func (g *globals) runner(ctx context.Context, w *workspace, jobs int, observe func(run.Event)) (*run.Runner, error) {
	dir, err := g.storeDir()
	if err != nil {
		return nil, err
	}
	return g.runnerIn(ctx, w, dir, jobs, observe)
}

// runnerIn makes a runner whose children use the store in a folder.
func (g *globals) runnerIn(ctx context.Context, w *workspace, dir string, jobs int, observe func(run.Event)) (*run.Runner, error) {
	program, err := executable()
	if err != nil {
		return nil, fmt.Errorf("finding the running program: %w", err)
	}
	log, err := g.logger(g.app.Stderr)
	if err != nil {
		return nil, err
	}
	return &run.Runner{
		Planner: w.planner, Host: action.ThisHost(w.executable), Log: log,
		Jobs: jobs, Trace: g.trace, KeepGoing: g.keepGoing || g.partial, Observe: observe,
		Launcher: launch.Local{
			Command: []string{program, "exec"}, Logs: w.store.LogDir(),
			Environ: append(g.app.Environ, "ABLATE_CACHE_DIR="+dir), Machine: g.machine(ctx, w), Idle: &g.idle,
		},
	}, nil
}

// showAnalyses prints the table of every analysis of the plan.
func (g *globals) showAnalyses(ctx context.Context, w *workspace, plan *planner.Plan) error {
	for _, s := range plan.Tasks {
		if s.Role != pipeline.Analysis || s.Status != planner.Hit {
			continue
		}
		if err := g.showAnalysis(ctx, w, s, "text"); err != nil {
			return err
		}
	}
	return nil
}

func summaryLine(s run.Summary, elapsed time.Duration) string {
	cached := fmt.Sprintf("%d cached", s.Trials.Hit)
	if n := run.Total(s.Pulled); n > 0 {
		cached += fmt.Sprintf(" (%s pulled, %d of them trials)", count(n, "instance"), s.Trials.Pulled)
	}
	line := fmt.Sprintf("%s trained, %s, in %s.", count(s.Trials.Ran, "trial"), cached, view.Duration(elapsed))
	if n := run.Total(s.Failed); n > 0 {
		line = fmt.Sprintf("%s failed, %s not run because of that. %s", count(n, "instance"), count(run.Total(s.Skipped), "instance"), line)
	}
	return line
}

func count(n int, noun string) string { return counted(n, noun, noun+"s") }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
