package hcl

import (
	"cmp"
	"maps"
	"runtime/metrics"
	"time"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// watch runs load and returns its result, or an error when it takes too much
// processor time or memory. The other limits make this rare; it remains for what
// they do not foresee. HCL offers no way to interrupt an evaluation, so the
// goroutine is abandoned, and the caller should exit soon.
func (l *loader) watch(load func()) (*study.Study, diag.List) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		load()
	}()
	limit := cmp.Or(l.opts.Timeout, time.Minute)
	begun := cpuTime()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	before := heapSize()
	for {
		select {
		case <-done:
			return l.study, sortList(l.diags)
		case <-tick.C:
			if cpuTime() > begun+limit {
				return l.abandon("Loading the study takes more than %s of processor time. Use shorter lists, fewer loops or fewer instances.", limit)
			}
			if heapSize() > before+maxHeap {
				return l.abandon("Loading the study takes more than %.1f GiB of memory. Use shorter lists, fewer loops or fewer instances.", float64(maxHeap)/(1<<30))
			}
		}
	}
}

// abandon returns a study without instances, and an error at the expression
// that is being evaluated.
func (l *loader) abandon(detail string, args ...any) (*study.Study, diag.List) {
	list := diag.Errorf(nil, "Study too large", detail, args...)
	if at := l.at.Load(); at != nil {
		list[0].Range = rangeOf(*at)
	}
	l.sources.Lock()
	defer l.sources.Unlock()
	return &study.Study{Dir: l.opts.Dir, Sources: maps.Clone(l.study.Sources)}, list
}

// heapSize is the size of all objects on the heap.
func heapSize() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
