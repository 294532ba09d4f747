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

	// partsPerCore is how many of the smallest parts there are for each core. Cores
	// take large parts first and small ones at the end, so a core that starts late or
	// is preempted delays the others by at most a small part.
	partsPerCore = 16

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

// parallel is Parallel with at most so many parts for each core; with one, all parts
// are equal.
func parallel(n, elementsEach, partsPerCore int, f func(from, to int)) {
	cores := min(runtime.GOMAXPROCS(0), n*elementsEach/minElements, n)
	if cores < 2 || !workers.busy.TryLock() { // another caller has the workers
		f(0, n)
		return
	}
	defer workers.busy.Unlock()
	parts := cores * partsPerCore
	workers.run(&job{f: f, n: n, smallest: (n + parts - 1) / parts, cores: cores})
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

// run does a job together with workers, one for each other core.
func (p *pool) run(j *job) {
	for len(p.workers) < j.cores-1 {
		w := &worker{wake: make(chan struct{}, 1)}
		go w.loop()
		p.workers = append(p.workers, w)
	}
	j.done = make(chan struct{})
	j.unfinished.Store(int64(j.n))
	for _, w := range p.workers[:j.cores-1] {
		w.assign(j)
	}
	j.work()
	if !spin(func() bool { return j.unfinished.Load() == 0 }) {
		<-j.done
	}
}

// job is work in parts; each free worker takes the next one.
type job struct {
	f          func(from, to int)
	n          int
	smallest   int // part
	cores      int
	taken      atomic.Int64
	unfinished atomic.Int64 // of n
	done       chan struct{}
}

func (j *job) work() {
	for {
		from, to := j.take()
		if from == to {
			return
		}
		j.f(from, to)
		if j.unfinished.Add(int64(from-to)) == 0 {
			close(j.done)
		}
	}
}

// take returns the next part: half of what one core would get of the rest, but not
// less than the smallest part. It is empty when all parts are taken.
func (j *job) take() (from, to int) {
	for {
		taken := j.taken.Load()
		from = int(taken)
		to = min(j.n, from+max(j.smallest, (j.n-from)/(2*j.cores)))
		if from == to || j.taken.CompareAndSwap(taken, int64(to)) {
			return from, to
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
