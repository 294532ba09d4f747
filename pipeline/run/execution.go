package run

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// lockPoll is how often a key that another process computes is looked at
// again. Long beside a stat, short beside a trial.
const lockPoll = 300 * time.Millisecond

// ErrLost is the cause that stops an action whose key another machine has taken
// over. What runs elsewhere is then the other machine's, too.
var ErrLost = errors.New("another machine has taken this over")

// execution is one run of a plan: a lane for each executor, one mutex.
type execution struct {
	runner  *Runner
	plan    *planner.Plan
	workers sync.WaitGroup

	events sync.Mutex // serialises Observe; never held together with mu

	mu       sync.Mutex
	changed  *sync.Cond            // signalled whenever the fields below change
	lanes    map[string]*lane      // by the label of the executor; "" is this machine
	blocked  map[*planner.Task]int // how many unknown dependencies a pending step has
	todo     map[*planner.Task]bool
	ran      []*planner.Task
	hit      []*planner.Task
	pulled   []*planner.Task // of those hit
	failed   []*planner.Task
	skipped  []*planner.Task
	left     []*planner.Task
	stopping bool
}

// lane is what one executor has to do: a heap of ready steps for as many
// workers as it has slots.
type lane struct {
	slots   int
	ready   stepHeap
	running int
}

func newExecution(r *Runner, plan *planner.Plan) *execution {
	x := &execution{runner: r, plan: plan, blocked: make(map[*planner.Task]int), todo: make(map[*planner.Task]bool)}
	x.changed = sync.NewCond(&x.mu)
	x.lanes = map[string]*lane{"": {slots: r.jobs()}}
	for label, e := range r.Executors {
		x.lanes[label] = &lane{slots: e.Slots}
	}
	for _, s := range plan.Tasks {
		switch s.Status {
		case planner.Hit:
			x.hit = append(x.hit, s)
			continue
		default:
			n := plan.Waits(s)
			if x.todo[s.Twin()] {
				n++
			}
			if n > 0 {
				x.blocked[s] = n
			} else {
				x.lane(s).ready.push(s)
			}
		}
		x.todo[s] = true
	}
	return x
}

// lane is where a step runs. What no executor is known for runs here.
func (x *execution) lane(s *planner.Task) *lane {
	if l, ok := x.lanes[s.Executor()]; ok {
		return l
	}
	return x.lanes[""]
}

func (x *execution) start(ctx context.Context) {
	for label, l := range x.lanes {
		for range l.slots {
			x.workers.Go(func() {
				for {
					s, threads := x.next(ctx, label)
					if s == nil {
						return
					}
					x.work(ctx, s, threads)
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

// next waits for a ready step of a lane; nil means that this worker is done.
func (x *execution) next(ctx context.Context, label string) (*planner.Task, int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.lanes[label]
	for {
		if ctx.Err() != nil || x.stopping || len(x.todo) == 0 {
			x.changed.Broadcast()
			return nil, 0
		}
		if len(l.ready) > 0 {
			s := heap.Pop(&l.ready).(*planner.Task)
			l.running++
			return s, l.threads(label, s)
		}
		x.changed.Wait()
	}
}

// threads is what a step asks for. Without a word it is a share of this
// machine's cores among the actions that can run beside it, or 0 elsewhere: what
// there is. Results do not depend on it.
func (l *lane) threads(label string, s *planner.Task) int {
	if n := s.Runtime().Resources.CPUs; n > 0 || label != "" {
		return n
	}
	beside := min(l.slots, l.running+len(l.ready))
	return max(1, runtime.NumCPU()/max(1, beside))
}

// work takes one step to its end, or back to the heap when another process is
// computing the same key.
func (x *execution) work(ctx context.Context, s *planner.Task, threads int) {
	unlock, ok, err := x.runner.Planner.Store.TryLock(s.Key)
	switch {
	case err != nil:
		x.fail(ctx, s, fmt.Errorf("locking the key: %w", err), 0)
		return
	case !ok:
		x.poll(ctx, s)
		return
	}
	defer unlock()
	found, err := x.plan.Settle(ctx, s)
	if err != nil {
		x.fail(ctx, s, err, 0)
		return
	}
	if found {
		x.emit(s, Event{Type: StageHit})
		x.finish(ctx, s, &x.hit)
		return
	}
	if s.Status == planner.Pull && x.pull(ctx, s) {
		return
	}
	x.emit(s, Event{Type: StageStart})
	started := time.Now()
	held, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-x.runner.Planner.Store.Lost(s.Key):
			stop(ErrLost)
		case <-held.Done():
		}
	}()
	err = x.runner.attempts(held, x.plan, s, threads, func(e Event) { x.emit(s, e) })
	if err != nil && errors.Is(context.Cause(held), ErrLost) { // the other's result will do
		x.poll(ctx, s)
		return
	}
	if err == nil {
		if found, err = x.plan.Settle(ctx, s); err == nil && !found {
			err = fmt.Errorf("the action ended, but the store holds no entry of key %s", s.Key)
		}
	}
	if errors.Is(err, ErrLeft) {
		x.leave(s)
		return
	}
	if err != nil {
		x.fail(ctx, s, err, time.Since(started))
		return
	}
	if x.runner.Published != nil {
		x.runner.Published(s.Entry)
	}
	x.emit(s, Event{Type: StageDone, Elapsed: time.Since(started)})
	x.finish(ctx, s, &x.ran)
}

// pull brings a step's entry here. What cannot be had is computed instead.
func (x *execution) pull(ctx context.Context, s *planner.Task) bool {
	optional := func(name string) bool {
		return slices.ContainsFunc(s.Outputs(), func(o pipeline.Output) bool { return o.Name == name && o.Retention == cache.Evict })
	}
	started := time.Now()
	err := x.runner.Planner.Store.(planner.Puller).Pull(ctx, s.Entry, optional)
	found := false
	if err == nil {
		found, err = x.plan.Settle(ctx, s)
	}
	switch {
	case err != nil:
		x.emit(s, Event{Type: StageRetry, Err: fmt.Errorf("pulling it failed, so it is computed: %w", err)})
		return false
	case !found:
		return false
	}
	x.emit(s, Event{Type: StagePulled, Elapsed: time.Since(started)})
	x.mu.Lock()
	x.pulled = append(x.pulled, s)
	x.mu.Unlock()
	x.finish(ctx, s, &x.hit)
	return true
}

// poll puts a step that another process is computing back, a little later.
func (x *execution) poll(ctx context.Context, s *planner.Task) {
	x.emit(s, Event{Type: StageWaiting})
	x.mu.Lock()
	x.lane(s).running--
	x.mu.Unlock()
	x.workers.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(lockPoll):
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.lane(s).ready.push(s)
		x.changed.Broadcast()
	})
}

// finish records a step's end and frees those that waited for it.
func (x *execution) finish(ctx context.Context, s *planner.Task, list *[]*planner.Task) {
	x.mu.Lock()
	delete(x.todo, s)
	*list = append(*list, s)
	free := x.release(s)
	x.mu.Unlock()

	broken, err := x.plan.Advance(ctx, free)

	x.mu.Lock()
	x.lane(s).running--
	for _, f := range free {
		switch {
		case slices.Contains(broken, f):
		case x.todo[f.Twin()]:
			x.blocked[f] = 1
		default:
			x.lane(f).ready.push(f)
		}
	}
	x.changed.Broadcast()
	x.mu.Unlock()
	for i, f := range broken {
		if i > 0 { // one cause is told once
			x.skip(f)
			continue
		}
		x.mu.Lock()
		x.lane(f).running++
		x.mu.Unlock()
		x.fail(ctx, f, err, 0)
	}
}

// release counts a finished step off the pending ones and returns those that
// wait for nothing more. Called with mu held.
func (x *execution) release(s *planner.Task) []*planner.Task {
	var free []*planner.Task
	if s.Role == pipeline.Definition {
		return nil
	}
	for _, user := range x.waiting(s) {
		if _, waits := x.blocked[user]; !waits {
			continue
		}
		x.blocked[user]--
		if x.blocked[user] == 0 {
			delete(x.blocked, user)
			free = append(free, user)
		}
	}
	return free
}

// waiting lists the steps that may wait for a step: those that refer to it, and
// those of the same key.
func (x *execution) waiting(s *planner.Task) []*planner.Task {
	return slices.Concat(x.plan.Users(s), x.plan.Twins(s))
}

func (x *execution) fail(ctx context.Context, s *planner.Task, err error, elapsed time.Duration) {
	if ctx.Err() != nil { // stopped, not failed
		x.mu.Lock()
		x.lane(s).running--
		x.changed.Broadcast()
		x.mu.Unlock()
		return
	}
	if list, ok := diagnostics(err); ok {
		err = s.Place(list).Err()
	}
	e := Event{Type: StageFailed, Err: err, Elapsed: elapsed}
	if s.Kind().Child {
		if path := x.runner.launcher(s).LogPath(s.Key); isFile(path) { // not where it never came to a child
			e.LogPath = path
		}
	}
	x.emit(s, e)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lane(s).running--
	delete(x.todo, s)
	x.failed = append(x.failed, s)
	x.skipUsers(s)
	if !x.runner.KeepGoing {
		x.stopping = true
	}
	x.changed.Broadcast()
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// leave gives a step to its executor, with what depends on it.
func (x *execution) leave(s *planner.Task) {
	x.emit(s, Event{Type: StageLeft})
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lane(s).running--
	delete(x.todo, s)
	x.left = append(x.left, s)
	x.skipUsers(s)
	x.changed.Broadcast()
}

func (x *execution) skip(s *planner.Task) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.todo, s)
	x.skipped = append(x.skipped, s)
	x.skipUsers(s)
	x.changed.Broadcast()
}

// skipUsers gives up what depends on a failed step. Called with mu held.
func (x *execution) skipUsers(s *planner.Task) {
	for _, user := range x.waiting(s) {
		if !x.todo[user] {
			continue
		}
		if _, waits := x.blocked[user]; !waits {
			continue
		}
		delete(x.blocked, user)
		delete(x.todo, user)
		x.skipped = append(x.skipped, user)
		x.skipUsers(user)
	}
}

func (x *execution) emit(s *planner.Task, e Event) {
	if x.runner.Observe == nil {
		return
	}
	e.Time, e.Address, e.Block, e.Role, e.Label = time.Now(), s.Address, s.Block, s.Role, s.Label
	x.events.Lock()
	defer x.events.Unlock()
	x.runner.Observe(e)
}

// summary counts how the run ended; what is left was stopped.
func (x *execution) summary() (Summary, []*planner.Task) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for s := range x.todo {
		x.skipped = append(x.skipped, s)
	}
	return Summary{
		Trials: TrialCounts{Ran: trials(x.ran), Hit: trials(x.hit), Pulled: trials(x.pulled)},
		Ran:    byBlock(x.ran), Hit: byBlock(x.hit), Pulled: byBlock(x.pulled), Failed: byBlock(x.failed), Left: byBlock(x.left), Skipped: byBlock(x.skipped),
	}, x.failed
}

func byBlock(steps []*planner.Task) map[string]int {
	counts := make(map[string]int)
	for _, s := range steps {
		counts[s.Block]++
	}
	return counts
}

func trials(tasks []*planner.Task) int {
	n := 0
	for _, t := range tasks {
		if t.Role == pipeline.Trial {
			n++
		}
	}
	return n
}

func isUserMistake(err error) bool {
	_, ok := diag.From(err)
	return ok
}

// stepHeap orders ready steps as the plan does.
type stepHeap []*planner.Task

func (h stepHeap) Len() int { return len(h) }

func (h stepHeap) Less(i, j int) bool { return h[i].Before(h[j]) }

func (h stepHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *stepHeap) Push(s any) { *h = append(*h, s.(*planner.Task)) }

// Pop implements heap.Interface.
func (h *stepHeap) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	*h = (*h)[:last]
	return s
}

func (h *stepHeap) push(s *planner.Task) { heap.Push(h, s) }
