package simd

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// minElements is how many elements each core must have for work to be shared.
	minElements = 1 << 14

	// partsPerCore is how many parts a core gets on average. A core that starts
	// late, or that the system takes away, then delays the others by one part only.
	partsPerCore = 4

	// spinTime is how long a worker looks for the next job before it sleeps. A
	// training step shares work hundreds of times, a few microseconds apart, and
	// waking a thread takes the system up to a hundred.
	spinTime = 200 * time.Microsecond
)

// Parallel calls f for parts of 0..n-1, on all cores if there are enough
// elements, of which each of the n has elementsEach. The result of f must not
// depend on the parts.
func Parallel(n, elementsEach int, f func(from, to int)) {
	parallel(n, elementsEach, partsPerCore, f)
}

// parallel is Parallel with at most so many parts for each core.
func parallel(n, elementsEach, partsPerCore int, f func(from, to int)) {
	cores := min(runtime.GOMAXPROCS(0), n*elementsEach/minElements, n)
	if cores < 2 || !workers.busy.TryLock() { // another caller has the workers
		f(0, n)
		return
	}
	defer workers.busy.Unlock()
	workers.run(cores-1, n, cores*partsPerCore, f)
}

// pool is a set of goroutines that wait for jobs. They live as long as the
// process.
type pool struct {
	busy    sync.Mutex // held by the caller whose job runs
	workers []*worker
}

// workers is the one pool: more goroutines than cores would only get in each
// other's way.
var workers pool

// run does a job together with so many workers.
func (p *pool) run(helpers, n, parts int, f func(from, to int)) {
	for len(p.workers) < helpers {
		w := &worker{wake: make(chan struct{}, 1)}
		go w.loop()
		p.workers = append(p.workers, w)
	}
	j := &job{f: f, n: n, parts: min(n, parts), done: make(chan struct{})}
	j.left.Store(int64(j.parts))
	for _, w := range p.workers[:helpers] {
		w.assign(j)
	}
	j.work()
	if !spin(func() bool { return j.left.Load() == 0 }) {
		<-j.done
	}
}

// job is work in parts; each free worker takes the next one.
type job struct {
	f        func(from, to int)
	n, parts int
	next     atomic.Int64
	left     atomic.Int64 // parts that are not finished
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

// worker is one goroutine of a pool.
type worker struct {
	next   atomic.Pointer[job]
	asleep atomic.Bool
	wake   chan struct{}
}

// assign hands a job to the worker. A job that the worker has not taken yet is
// already finished.
func (w *worker) assign(j *job) {
	w.next.Store(j)
	if w.asleep.Load() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *worker) loop() {
	for {
		spin(func() bool { return w.next.Load() != nil })
		j := w.next.Swap(nil)
		if j == nil {
			w.asleep.Store(true) // before the last look, so that no job is missed
			if j = w.next.Swap(nil); j == nil {
				<-w.wake
			}
			w.asleep.Store(false)
		}
		if j != nil {
			j.work()
		}
	}
}

// spin waits for a condition without sleeping, at most spinTime.
func spin(met func() bool) bool {
	for began := time.Now(); time.Since(began) < spinTime; {
		for range 50 {
			if met() {
				return true
			}
		}
	}
	return met()
}
