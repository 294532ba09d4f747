package planner

import (
	"context"
	"fmt"

	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/graph"
)

// This file is what a run asks of a plan while it carries it out: what waits for
// what, and what became known.

// Waits counts the tasks whose content a task waits for: to be computed, or to be
// brought here.
func (p *Plan) Waits(t *Task) (n int) {
	for _, need := range t.node.Needs {
		for _, dep := range need.On {
			d := p.of[dep]
			if !d.known() && t.Status != Pending && p.planner.goesWithout(t.node, need.Attr) {
				continue
			}
			if !d.known() || d.Status == Pull && dep.Kind.Role != pipeline.Definition {
				n++
			}
		}
	}
	return n
}

// Users lists the tasks that refer to a task.
func (p *Plan) Users(t *Task) []*Task {
	var out []*Task
	for _, u := range t.node.Users {
		if user := p.of[u]; user != nil {
			out = append(out, user)
		}
	}
	return out
}

// Settle asks the store for a task again, whose key another process may have
// published since, and reports whether it is there.
func (p *Plan) Settle(ctx context.Context, t *Task) (bool, error) {
	found, err := p.planner.Store.Lookup(ctx, t.Key)
	if err != nil {
		return false, fmt.Errorf("asking the store: %w", err)
	}
	t.settle(found[0])
	return t.Status == Hit, nil
}

// Advance plans tasks whose dependencies have become known. It returns those that
// cannot be described, with why.
func (p *Plan) Advance(ctx context.Context, tasks []*Task) (broken []*Task, err error) {
	var found graph.Findings
	if err := p.planner.resolve(ctx, p, tasks, &found); err != nil {
		return tasks, err
	}
	for _, t := range tasks {
		if t.invalid {
			broken = append(broken, t)
		}
	}
	return broken, found.List.Err()
}

// Runtime is how and where the task runs.
func (t *Task) Runtime() *study.Runtime { return t.node.Instance.Runtime }

// Kind is the kind of the task's stage.
func (t *Task) Kind() pipeline.Kind { return t.node.Kind.Kind }

// Spec is the task's decoded stage.
func (t *Task) Spec() pipeline.Stage { return t.node.Stage }

// Place says of diagnostics about the task where in the source they are.
func (t *Task) Place(list diag.List) diag.List { return graph.Place(t.node.Instance, list) }

// Before reports whether the plan has the task before another.
func (t *Task) Before(other *Task) bool { return t.node.Index < other.node.Index }
