package planner

import (
	"context"
	"fmt"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// survey turns runs into resumes where a part of the work is cached. It looks the
// marks of all tasks up together.
func (p *Planner) survey(ctx context.Context, plan *Plan, store Store, tasks []*Task) error {
	byKind := make(map[*action.Kind][]*Task)
	for _, t := range tasks {
		if _, ok := t.node.Stage.(pipeline.Resumable); ok && t.Status == Run {
			byKind[t.node.Kind] = append(byKind[t.node.Kind], t)
		}
	}
	for _, t := range tasks { // in their order, so that errors are the same each time
		if of := byKind[t.node.Kind]; of != nil {
			delete(byKind, t.node.Kind)
			if err := p.surveyKind(ctx, plan, store, of); err != nil {
				return err
			}
		}
	}
	return nil
}

// surveyKind is survey for tasks of one kind.
func (p *Planner) surveyKind(ctx context.Context, plan *Plan, store Store, tasks []*Task) error {
	marks, err := p.marks(ctx, plan, tasks)
	if err != nil {
		return err
	}
	kind := tasks[0].node.Kind.Kind
	found, err := action.StatesOf(localStore(store), kind, "", tasks[0].Address).Find(ctx, marks...) // entries of any class
	if err != nil {
		return err
	}
	for i, t := range tasks {
		if !found[i].OK {
			continue
		}
		if err := p.surveyTask(ctx, plan, store, t); err != nil {
			return fmt.Errorf("looking for cached parts of %s: %w", t.Address, err)
		}
	}
	return nil
}

// marks returns the mark of each task.
func (p *Planner) marks(ctx context.Context, plan *Plan, tasks []*Task) ([]cache.Key, error) {
	marks, errs := make([]cache.Key, len(tasks)), make([]error, len(tasks))
	err := inBatches(ctx, len(tasks), func() func(int) bool {
		d := describer{planner: p, plan: plan}
		return func(i int) bool {
			in, _, _ := d.inputs(tasks[i])
			marks[i], errs[i] = tasks[i].node.Stage.(pipeline.Resumable).Mark(in)
			return errs[i] == nil
		}
	})
	if err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("looking for cached parts of %s: %w", tasks[i].Address, err)
		}
	}
	return marks, nil
}

func (p *Planner) surveyTask(ctx context.Context, plan *Plan, store Store, t *Task) error {
	in, _, _ := p.inputs(plan, t)
	states := action.StatesOf(localStore(store), t.node.Kind.Kind, action.ClassOf(t.node.Stage), t.Address)
	found, err := t.node.Stage.(pipeline.Resumable).Survey(ctx, in, states)
	if err != nil || found.Text == "" {
		return err
	}
	t.Status, t.Survey = Resume, found
	return nil
}
