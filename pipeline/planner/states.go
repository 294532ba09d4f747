package planner

import (
	"context"
	"fmt"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// States returns the states from which a run of a task could resume, whichever instance
// saved them, and what observed them. The task's inputs must be known.
func (p *Planner) States(ctx context.Context, plan *Plan, t *Task) ([]cache.Entry, error) {
	stage, ok := t.node.Stage.(pipeline.Resumable)
	if !ok {
		return nil, nil
	}
	in, waits, invalid := p.inputs(plan, t)
	if invalid || len(waits) > 0 { // other inputs would find other states, or none
		return nil, fmt.Errorf("looking for the states of %s: what it refers to is not known: run the study first", t.Address)
	}
	found := foundStates{States: action.StatesOf(localStore(p.Store), t.node.Kind.Kind, action.ClassOf(t.node.Stage), t.Address)}
	stage.Survey(ctx, in, &found) // fails on states that cannot be used, after it found them
	return found.entries, found.err
}

// foundStates collects the states that are found.
type foundStates struct {
	pipeline.States
	entries []cache.Entry
	err     error // of looking them up
}

// Find implements pipeline.States.
func (s *foundStates) Find(ctx context.Context, keys ...cache.Key) ([]cache.Found, error) {
	found, err := s.States.Find(ctx, keys...)
	if err != nil {
		s.err = err
	}
	for _, f := range found {
		if f.OK {
			s.entries = append(s.entries, *f.Entry)
		}
	}
	return found, err
}
