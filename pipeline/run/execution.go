package run

import (
	"container/heap"
	"context"
	"runtime"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline/planner"
)

// execution is one run of a plan: a lane per executor, one mutex.
type execution struct {
	// Set once.
	runner *Runner
	plan   *planner.Plan

	workers sync.WaitGroup
	events  sync.Mutex // serialises Observe; never held together with mu

	mu       sync.Mutex
	changed  *sync.Cond            // signalled whenever a field below changes
	lanes    map[string]*lane      // by the label of the executor; "" is this machine
	blocked  map[*planner.Task]int // for each blocked task, how many dependencies it waits for
	todo     map[*planner.Task]bool
	held     map[cache.Key]int           // how many tasks that workers have picked have a key: they lock it, or try to
	waits    map[*planner.Task]time.Time // for another process, by when that was last reported
	ran      []*planner.Task
	hit      []*planner.Task
	pulled   []*planner.Task // of the hits
	failed   []*planner.Task
	skipped  []*planner.Task
	detached []*planner.Task
	stopping bool
}

// lane is the work of one executor: a heap of ready tasks for as many workers as
// it has slots. Guarded by execution.mu but for slots.
type lane struct {
	slots   int
	ready   taskHeap
	running int

	prepared  bool           // some task has an affinity
	preparing map[string]int // workers, by the affinity of the task that each took last
}

func newExecution(r *Runner, plan *planner.Plan) *execution {
	x := &execution{runner: r, plan: plan, blocked: make(map[*planner.Task]int), todo: make(map[*planner.Task]bool), held: make(map[cache.Key]int), waits: make(map[*planner.Task]time.Time)}
	x.changed = sync.NewCond(&x.mu)
	x.lanes = map[string]*lane{"": {slots: r.jobs()}}
	for label, e := range r.Executors {
		x.lanes[label] = &lane{slots: e.Slots}
	}
	for _, t := range plan.Tasks {
		if t.Status == planner.Hit {
			x.hit = append(x.hit, t)
			continue
		}
		x.todo[t] = true
		n := plan.Waits(t)
		if x.todo[t.SameAs()] {
			n++
		}
		if n > 0 {
			x.blocked[t] = n
		} else {
			x.lane(t).add(t)
		}
	}
	return x
}

// lane is where a task runs: on this machine unless its executor is known.
func (x *execution) lane(t *planner.Task) *lane {
	if l, ok := x.lanes[t.Executor()]; ok {
		return l
	}
	return x.lanes[""]
}

func (x *execution) start(ctx context.Context) {
	for label, l := range x.lanes {
		for range l.slots {
			x.workers.Go(func() {
				last := ""
				for {
					t, threads := x.next(ctx, label, last)
					if t == nil {
						return
					}
					last = t.Affinity().Work
					x.work(ctx, t, threads)
				}
			})
		}
	}
}

func (x *execution) wake() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.changed.Broadcast()
}

// next waits for a ready task of a lane; nil means that the worker is done. last is
// what the worker's process has prepared, "" for nothing.
func (x *execution) next(ctx context.Context, label, last string) (*planner.Task, int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.lanes[label]
	for {
		if ctx.Err() != nil || x.stopping || len(x.todo) == 0 {
			x.changed.Broadcast()
			return nil, 0
		}
		if len(l.ready) > 0 {
			t := l.pick(last)
			l.running++
			x.held[t.Key]++
			return t, l.threads(label, t)
		}
		x.changed.Wait()
	}
}

// pick removes the task that a worker starts next: one that its process is prepared
// for, else one that no other process prepares for, and of those the most urgent.
func (l *lane) pick(last string) *planner.Task {
	rank := func(t *planner.Task) int {
		switch work := t.Affinity().Work; {
		case work != "" && work == last:
			return 0
		case l.preparing[work] == 0:
			return 1
		}
		return 2
	}
	if last != "" {
		l.preparing[last]--
	}
	best := 0
	if l.prepared {
		for i, t := range l.ready {
			if r, b := rank(t), rank(l.ready[best]); r < b || r == b && t.Before(l.ready[best]) {
				best = i
			}
		}
	}
	t := heap.Remove(&l.ready, best).(*planner.Task)
	if work := t.Affinity().Work; work != "" {
		if l.preparing == nil {
			l.preparing = make(map[string]int)
		}
		l.preparing[work]++
	}
	return t
}

// add makes a task ready.
func (l *lane) add(t *planner.Task) {
	l.prepared = l.prepared || t.Affinity().Work != ""
	heap.Push(&l.ready, t)
}

// threads is what a task asks for. By default it is a share of this machine's
// cores among the actions that can run beside it, or 0 on another executor: all of
// its cores. Results do not depend on it.
func (l *lane) threads(label string, t *planner.Task) int {
	if n := t.Runtime().Resources.CPUs; n > 0 || label != "" {
		return n
	}
	beside := min(l.slots, l.running+len(l.ready))
	return max(1, runtime.NumCPU()/max(1, beside))
}

// taskHeap orders ready tasks as the plan does.
type taskHeap []*planner.Task

func (h taskHeap) Len() int { return len(h) }

func (h taskHeap) Less(i, j int) bool { return h[i].Before(h[j]) }

func (h taskHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *taskHeap) Push(t any) { *h = append(*h, t.(*planner.Task)) }

// Pop implements heap.Interface.
func (h *taskHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	*h = (*h)[:last]
	return t
}
