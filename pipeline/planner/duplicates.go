package planner

import (
	"fmt"
	"slices"
	"sync"

	"ablate/cache"
	"ablate/pipeline"
)

// Tasks with one key are one computation: the first is computed, and the others
// wait for it.

// keyOwners knows the first task of each key.
type keyOwners struct {
	mu         sync.Mutex // guards the rest, and what tasks of a plan share: a run advances several tasks at a time
	first      map[cache.Key]*Task
	duplicates map[*Task][]*Task // the tasks that wait for a first one
}

func newKeyOwners() *keyOwners {
	return &keyOwners{first: make(map[cache.Key]*Task), duplicates: make(map[*Task][]*Task)}
}

// claim makes a task that must be computed wait for the first one of its key.
// Nothing waits for a definition, so those are left alone.
func (o *keyOwners) claim(t *Task) {
	if t.Role == pipeline.Definition || t.Status == Hit {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	first, ok := o.first[t.Key]
	switch {
	case !ok:
		o.first[t.Key] = t
		return
	case first == t && t.first == nil:
		return
	case t.first == nil:
		t.first = first
		o.duplicates[first] = append(o.duplicates[first], t)
	}
	t.Status, t.Reason = Same, Reason{Text: fmt.Sprintf("the same computation as %s", t.first.Address)}
}

// SameAs returns the earlier task with the same key that a task waits for, or nil.
func (t *Task) SameAs() *Task { return t.first }

// preferFuller has the first task of a key compute the action of a later one that
// promises more outputs. Both must have become known now: a first task of an earlier
// call may be running.
func preferFuller(tasks []*Task) {
	for _, t := range tasks {
		first := t.first
		if t.Status == Same && len(t.promised) > len(first.computing().promised) && slices.Contains(tasks, first) {
			first.fuller, first.action = t, nil
		}
	}
}

// computing returns the task whose action is computed for a task and for those of the
// same key: the one that promises the most outputs, such as the only one that keeps its
// checkpoint.
func (t *Task) computing() *Task {
	if t.fuller != nil {
		return t.fuller
	}
	return t
}

// Duplicates lists the tasks that wait for a task of the same key.
func (p *Plan) Duplicates(t *Task) []*Task {
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	return p.keys.duplicates[t]
}
