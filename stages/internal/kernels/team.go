package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// grain is how many elements make it worth to share work.
const grain = 1 << 14

// partsEach is how many parts each core gets on average: a core that comes late, or
// is taken away for other work, then keeps the others waiting for one part only.
const partsEach = 4

// awake is how long a goroutine looks out for the next piece of work before it
// sleeps. A step shares work hundreds of times, a few microseconds apart, and
// waking a sleeper takes the system up to a hundred.
const awake = 200 * time.Microsecond

// parallel calls f on parts of 0..n-1, on all cores when there are enough
// elements. What f computes must not depend on the parts.
func parallel(n, each int, f func(from, to int)) { shared(n, each, partsEach, f) }

// shared is parallel with at most so many parts for each core.
func shared(n, each, most int, f func(from, to int)) {
	workers := min(runtime.GOMAXPROCS(0), n*each/grain, n)
	if workers < 2 || !everybody.work.TryLock() { // alone where the others have work already
		f(0, n)
		return
	}
	defer everybody.work.Unlock()
	everybody.share(workers-1, n, workers*most, f)
}

// team is the goroutines that wait for work to be shared with them.
type team struct {
	work    sync.Mutex
	helpers []*helper
}

var everybody team

// share does work together with some helpers.
func (t *team) share(helpers, n, parts int, f func(from, to int)) {
	for len(t.helpers) < helpers {
		h := &helper{wake: make(chan struct{}, 1)}
		go h.run() // ends with the process
		t.helpers = append(t.helpers, h)
	}
	job := &job{f: f, n: n, parts: min(n, parts), done: make(chan struct{})}
	job.left.Store(int64(job.parts))
	for _, h := range t.helpers[:helpers] {
		h.take(job)
	}
	job.work()
	if !watch(func() bool { return job.left.Load() == 0 }) {
		<-job.done
	}
}

// job is work in parts, which whoever is free takes one after the other.
type job struct {
	f        func(from, to int)
	n, parts int
	next     atomic.Int64
	left     atomic.Int64 // parts that are not done
	done     chan struct{}
}

func (j *job) work() {
	for {
		i := int(j.next.Add(1)) - 1
		if i >= j.parts {
			return
		}
		j.f(j.n*i/j.parts, j.n*(i+1)/j.parts)
		if j.left.Add(-1) == 0 {
			close(j.done)
		}
	}
}

// helper is one goroutine of a team.
type helper struct {
	next   atomic.Pointer[job]
	asleep atomic.Bool
	wake   chan struct{}
}

// take hands a job over. One that is still there is finished.
func (h *helper) take(j *job) {
	h.next.Store(j)
	if h.asleep.Load() {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

func (h *helper) run() {
	for {
		watch(func() bool { return h.next.Load() != nil })
		j := h.next.Swap(nil)
		if j == nil {
			h.asleep.Store(true) // before the last look, so that no job is missed
			if j = h.next.Swap(nil); j == nil {
				<-h.wake
			}
			h.asleep.Store(false)
		}
		if j != nil {
			j.work()
		}
	}
}

// watch waits for a condition without sleeping, for a while.
func watch(met func() bool) bool {
	for began := time.Now(); time.Since(began) < awake; {
		for range 50 {
			if met() {
				return true
			}
		}
	}
	return met()
}
