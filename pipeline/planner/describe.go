package planner

import (
	"context"
	"fmt"
	"slices"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
)

// describeAll gives keys to the tasks whose inputs are known, and returns those. It
// describes tasks concurrently; what it finds is in the tasks' order.
func (p *Planner) describeAll(ctx context.Context, plan *Plan, tasks []*Task, found *graph.Findings) ([]*Task, error) {
	outcomes := make([]outcome, len(tasks))
	err := inBatches(ctx, len(tasks), func() func(int) bool {
		d := describer{planner: p, plan: plan}
		return func(i int) bool {
			outcomes[i] = d.describe(tasks[i])
			return outcomes[i].err == nil
		}
	})
	if err != nil {
		return nil, err
	}
	described := make([]*Task, 0, len(tasks))
	for i, t := range tasks {
		if err := outcomes[i].err; err != nil {
			return nil, fmt.Errorf("describing %s: %w", t.Address, err)
		}
		found.Add(t.node, outcomes[i].findings)
		if outcomes[i].ready {
			described = append(described, t)
		}
	}
	return described, nil
}

// outcome is what describing a task came to.
type outcome struct {
	ready    bool      // the task has a key
	findings diag.List // errors of the user, or warnings
	err      error
}

// describer describes tasks one after another. It keeps one copy of what
// consecutive tasks have in common.
type describer struct {
	planner *Planner
	plan    *Plan

	refs     map[string][]pipeline.Input // of the node refsOf
	refsOf   *graph.Node
	promised []pipeline.Output // of the last task
	work     *pipeline.Work    // of the last cell
}

// describe computes a task's key if everything it depends on is known. It keeps no
// action of a cell.
func (d *describer) describe(t *Task) outcome {
	in, waits, invalid := d.inputs(t)
	switch {
	case invalid:
		t.invalid = true
		return outcome{}
	case len(waits) > 0:
		t.Status, t.Reason = Pending, Reason{Text: "waits for " + waitText(waits)}
		return outcome{}
	}
	a, err := d.planner.describe(t.node, in)
	if err != nil {
		if list, ok := diag.From(err); ok {
			t.invalid = true
			return outcome{findings: list}
		}
		return outcome{err: err}
	}
	if !slices.Equal(d.promised, a.Outputs()) {
		d.promised = a.Outputs()
	}
	t.Absent, t.Key, t.promised, t.affinity = len(in.Absent), a.Key(), d.promised, a.Affinity()
	if t.isCell() {
		t.action, t.work = nil, d.workOf(&a)
	} else {
		t.action = new(action.Action)
		*t.action = a
	}
	if t.Role == pipeline.Definition {
		t.self = []pipeline.Input{t.input()}
	}
	return outcome{ready: true, findings: a.Warnings()}
}

// inputs returns what inputs of the planner does. Tasks whose nodes share their needs
// share the inputs, too.
func (d *describer) inputs(t *Task) (in pipeline.Inputs, waits []addr.Instance, invalid bool) {
	if d.refsOf != nil && t.node.SharesNeeds(d.refsOf) {
		in = d.planner.surroundings(t)
		in.Refs = d.refs
		return in, nil, false
	}
	in, waits, invalid = d.planner.inputs(d.plan, t)
	if !invalid && len(waits) == 0 && len(in.Absent) == 0 {
		d.refs, d.refsOf = in.Refs, t.node
	}
	return in, waits, invalid
}

// workOf returns how much work an action is, nil where it does not say.
func (d *describer) workOf(a *action.Action) *pipeline.Work {
	w, ok := a.Work()
	if !ok {
		return nil
	}
	if d.work == nil || *d.work != w {
		d.work = new(pipeline.Work)
		*d.work = w
	}
	return d.work
}
