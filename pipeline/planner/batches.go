package planner

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// batchSize is how many consecutive numbers a worker takes at a time: consecutive
// cells of a matrix have much in common.
const batchSize = 512

// inBatches calls a function for each number below n, on all cores. Each core has a
// function of its own from newWorker. Once one returns false, no batch is begun.
func inBatches(ctx context.Context, n int, newWorker func() func(i int) bool) error {
	var (
		next   atomic.Int64
		failed atomic.Bool
	)
	work := func() {
		one := newWorker()
		for ctx.Err() == nil && !failed.Load() {
			end := int(next.Add(batchSize))
			if end-batchSize >= n {
				return
			}
			for i := end - batchSize; i < min(end, n); i++ {
				if !one(i) {
					failed.Store(true)
				}
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+batchSize-1)/batchSize) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
