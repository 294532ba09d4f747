package planner

import (
	"context"
	"fmt"

	"ablate/pipeline"
	"ablate/pipeline/graph"
)

// This file is what a run asks of a plan while it carries it out: what waits for
// what, and what became known.

// Waits counts the tasks that must be computed or pulled before a task can run.
func (p *Plan) Waits(t *Task) (n int) {
	for _, need := range t.node.Needs {
		lacks := t.Status != Pending && p.planner.mayBeMissing(p, t.node, need)
		for _, dep := range need.On {
			d := p.of[dep.Index]
			if !d.known() && lacks {
				continue
			}
			if !d.known() || d.Status == Pull && d.Role != pipeline.Definition {
				n++
			}
		}
	}
	return n
}

// Users lists the tasks that refer to a task.
func (p *Plan) Users(t *Task) []*Task {
	var out []*Task
	for _, u := range p.planner.Graph.Users(t.node) {
		if user := p.of[u.Index]; user != nil {
			out = append(out, user)
		}
	}
	return out
}

// Settle looks a task up again, since another process may have published its key,
// and reports whether it is a hit now.
func (p *Plan) Settle(ctx context.Context, store Store, t *Task) (bool, error) {
	found, err := store.Lookup(ctx, t.Key)
	if err != nil {
		return false, fmt.Errorf("looking up the result: %w", err)
	}
	t.settle(found[0])
	return t.Status == Hit, nil
}

// Advance plans tasks whose dependencies have become known. It returns those that
// cannot be described, and why.
func (p *Plan) Advance(ctx context.Context, store Store, tasks []*Task) (invalid []*Task, err error) {
	var found graph.Findings
	if err := p.planner.resolve(ctx, p, store, tasks, &found); err != nil {
		return tasks, err
	}
	for _, t := range tasks {
		if t.invalid {
			invalid = append(invalid, t)
		}
	}
	return invalid, found.List(p.planner.Graph).Err()
}
