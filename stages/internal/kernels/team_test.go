package kernels

import (
	"sync"
	"testing"
	"time"
)

// TestEachPartIsDoneOnce shares work from several goroutines at once, with
// helpers that are awake, late, and asleep.
func TestEachPartIsDoneOnce(t *testing.T) {
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			for round := range 400 {
				done := make([]int, 1+round)
				parallel(len(done), grain, func(from, to int) {
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
					time.Sleep(2 * awake)
				}
			}
		})
	}
	callers.Wait()
}

// TestASleeperHoldsNobodyUp shares work that its caller ends before any helper
// comes.
func TestASleeperHoldsNobodyUp(t *testing.T) {
	late := &helper{wake: make(chan struct{}, 1)}
	late.asleep.Store(true) // and nobody runs it
	lone := team{helpers: []*helper{late}}
	sum := 0
	lone.share(1, 10, 8, func(from, to int) { sum += to - from })
	if sum != 10 {
		t.Errorf("%d of 10 elements were done", sum)
	}
	if late.next.Load() == nil || len(late.wake) != 1 {
		t.Error("the helper was not called")
	}
}
