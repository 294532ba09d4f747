package planner

import (
	"fmt"
	"sync"

	"ablate/cache"
	"ablate/pipeline"
)

// Tasks with one key are one computation: the first is computed, and the others
// wait for it.

// firsts knows the first task of each key. A plan and its restrictions share it.
type firsts struct{ *firstByKey }

type firstByKey struct {
	mu sync.Mutex // guards the rest: a run advances several tasks at a time
	of map[cache.Key]*Task
	by map[*Task][]*Task // the tasks that wait for a first one
}

func newFirsts() firsts {
	return firsts{&firstByKey{of: make(map[cache.Key]*Task), by: make(map[*Task][]*Task)}}
}

// pair makes a task that is still to be computed wait for the first one of its
// key. Nobody waits for a definition, so those are left alone.
func (f firsts) pair(t *Task) {
	if t.node.Kind.Role == pipeline.Definition || t.Status == Hit {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	first, ok := f.of[t.Key]
	switch {
	case !ok:
		f.of[t.Key] = t
	case first != t && t.twin == nil:
		t.twin = first
		f.by[first] = append(f.by[first], t)
		fallthrough
	case t.twin != nil:
		t.Status, t.Reason = Same, Reason{Text: fmt.Sprintf("the same computation as %s", t.twin.Address)}
	}
}

// Twin is the earlier task with the same key that a task waits for, or nil.
func (t *Task) Twin() *Task { return t.twin }

// Twins lists the tasks that wait for a task of the same key.
func (p *Plan) Twins(t *Task) []*Task {
	p.first.mu.Lock()
	defer p.first.mu.Unlock()
	return p.first.by[t]
}
