package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/launch"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	"ablate/pipeline/source"
)

// carryOut runs a plan. Results are pushed to the remote in the background; drain
// waits for the rest of them.
func (w *workspace) carryOut(ctx context.Context, plan *planner.Plan, o runOptions) (summary run.Summary, drain func(), err error) {
	drain = func() {}
	needs := newNeeds(w, plan)
	if err := needs.record(true); err != nil && !(plan.Clean() && readOnly(err)) {
		return summary, drain, err
	}
	s := w.session
	trials := plan.CountTrials(planner.Run, planner.Resume, planner.Pending)
	shown := s.view().NewProgress(o.Progress, trials, trialNames(w, plan))
	pulled := &pullCost{}
	observe, closeJournal := w.journal(plan, pulled.watch(plan, shown.Observe))
	defer closeJournal()
	frozen, err := source.Freeze(ctx, w.store, w.planner.Sources, run.DeclaredFiles(plan))
	if err == nil {
		err = needs.addFiles(frozen)
	}
	if err != nil {
		return summary, drain, err
	}
	w.planner.Sources = frozen
	runner, err := w.runner(ctx, o, observe)
	if err != nil {
		return summary, drain, err
	}
	runner.Known = needs.add
	var cluster *launch.Cluster
	runner.Executors, cluster, err = launchers{w}.executors(o.Detach)
	if err != nil {
		return summary, drain, err
	}
	var outage remote.Outage
	if drain, err = w.pushing(ctx, runner, &outage); err != nil {
		return summary, drain, err
	}
	if w.remote != nil {
		runner.Store = remote.Tiered{Local: w.store, Remote: w.remote, Outage: &outage}
	}
	if cluster != nil {
		defer cluster.Start(ctx)()
	}
	summary, failure := runner.Run(ctx, plan)
	shown.Close()
	s.view().Diagnostics(w.refused.warnings())
	if err := outage.Err(); err != nil {
		s.view().Diagnostics(diag.Warningf(nil, "The remote failed", "%v. The run continued without it.", err))
	}
	if n := run.Total(summary.Detached); n > 0 {
		s.view().Note("%s in Slurm. Watch with ablate status; collect the results with ablate run.", view.Counted(n, "trial continues", "trials continue"))
	}
	pulled.show(ctx, w)
	healed := remakeDocuments(context.WithoutCancel(ctx), w.store, plan) // of what was pending before
	jobsMayGoOn := cluster != nil && failure != nil
	recorded := errors.Join(healed, needs.record(jobsMayGoOn), w.save())
	if plan.Clean() && readOnly(recorded) {
		recorded = nil
	}
	return summary, drain, errors.Join(failure, recorded)
}

// trialNames names the trials of a plan by their labels, where these tell them apart.
func trialNames(w *workspace, plan *planner.Plan) map[string]string {
	names, times := make(map[string]string), make(map[string]int)
	for _, t := range plan.Tasks {
		if t.Role != pipeline.Trial {
			continue
		}
		var levels []view.Level
		for _, f := range w.graph.Instance(t.Address).Factors {
			levels = append(levels, view.Level{Factor: f.Name, Text: f.Level.String(), Label: f.Label})
		}
		if name := view.TrialName(levels); name != "" {
			names[t.Address.String()] = name
			times[name]++
		}
	}
	maps.DeleteFunc(names, func(_, name string) bool { return times[name] > 1 })
	return names
}

// runner makes a runner on this machine.
func (w *workspace) runner(ctx context.Context, o runOptions, observe func(run.Event)) (*run.Runner, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	s := w.session
	return &run.Runner{
		Store: w.planner.Store, Sources: w.planner.Sources, Host: s.host(w.executable), Log: s.logger(),
		Jobs: o.Jobs, Trace: o.Trace, KeepGoing: o.KeepGoing, Observe: observe,
		Launcher: launch.Local{
			Command: []string{path, "exec"}, Logs: w.store.LogDir(), Machine: launchers{w}.machine(ctx), Idle: &s.idle,
			Environ: append(slices.Clone(s.app.Environ), "ABLATE_CACHE_DIR="+w.store.Dir()),
		},
	}, nil
}

// pushing sends what a run publishes to the remote, in the background. The function
// that it returns waits for that, unless the user interrupts it, and reports what
// could not be sent. That is no failure of the run, whose results are in the local
// store.
func (w *workspace) pushing(ctx context.Context, runner *run.Runner, outage *remote.Outage) (drain func(), err error) {
	s := w.session
	c, err := s.config()
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
			s.view().Note("Still uploading to %s. Press Ctrl-C to stop; finish later with ablate cache push.", w.remote)
		}).Stop()
		report := p.Close()
		e := view.Uploaded{Remote: w.remote.URL(), Name: w.remote.String(), Entries: report.Pushed,
			Blobs: report.Moved.Blobs, Bytes: report.Moved.Bytes, Failed: len(report.Failed), Kept: report.Kept}
		if len(report.Failed) > 0 {
			e.Err = report.Failed[0]
		}
		s.show(e)
	}, nil
}

// pullCost sums up a run's pulls. A runner delivers its events one at a time.
type pullCost struct {
	tasks   []*planner.Task
	elapsed time.Duration
}

// watch passes events on and adds up the pulls among them.
func (p *pullCost) watch(plan *planner.Plan, on func(run.Event)) func(run.Event) {
	return func(e run.Event) {
		if e.Type == run.StagePulled {
			p.tasks = append(p.tasks, plan.Task(e.Address))
			p.elapsed += e.Elapsed
		}
		on(e)
	}
}

// show compares the pulls with the time that computing took elsewhere: a slow remote
// can cost more than it saves.
func (p *pullCost) show(ctx context.Context, w *workspace) {
	if len(p.tasks) == 0 {
		return
	}
	computed := 0.0
	for _, t := range p.tasks {
		took, _ := planner.ComputeSeconds(ctx, w.store, t.Entry())
		computed += took
	}
	w.session.show(view.Pulls{Instances: len(p.tasks), Seconds: p.elapsed.Seconds(), ComputingTook: computed})
}
