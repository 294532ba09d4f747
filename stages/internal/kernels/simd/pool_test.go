package simd

import (
	"sync"
	"testing"
	"time"
)

// TestParallelOnce shares work from several goroutines at once, with workers that
// are awake, late, and asleep, and counts how often each element is done.
func TestParallelOnce(t *testing.T) {
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			for round := range 400 {
				done := make([]int, 1+round)
				Parallel(len(done), minElements, func(from, to int) {
					for i := from; i < to; i++ {
						done[i]++
					}
				})
				for i, n := range done {
					if n != 1 {
						t.Errorf("element %d of %d was done %d times", i, len(done), n)
					}
				}
				if round%100 == 99 {
					time.Sleep(2 * spinTime)
				}
			}
		})
	}
	callers.Wait()
}

// TestSleepingWorker runs a job that its caller finishes before any worker wakes.
func TestSleepingWorker(t *testing.T) {
	late := &worker{wake: make(chan struct{}, 1)}
	late.asleep.Store(true) // its loop does not run
	lone := pool{workers: []*worker{late}}
	sum := 0
	lone.run(&job{f: func(from, to int) { sum += to - from }, n: 10, smallest: 1, cores: 2})
	if sum != 10 {
		t.Errorf("%d of 10 elements were done", sum)
	}
	if late.next.Load() == nil || len(late.wake) != 1 {
		t.Error("the worker was not woken")
	}
}
