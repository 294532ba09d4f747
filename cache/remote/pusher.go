package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"ablate/cache"
)

// Pusher sends entries to a remote while a run is going on. It never delays the
// run: what does not fit the queue, and what fails, is reported at the end.
type Pusher struct {
	store  *cache.Local
	remote *Remote
	outage *Outage
	queue  chan cache.Entry
	done   sync.WaitGroup

	mu       sync.Mutex
	report   Report
	failures int // of the remote, in a row
}

// Report says what became of the entries that a Pusher got.
type Report struct {
	Pushed int
	Moved  Transfer
	Kept   []error // *KeptError: the remote has other results, or unsigned ones, and keeps them
	Failed []error
}

// queueLength is how many entries wait at most.
const queueLength = 1024

// MaxFailures is how many failures of a remote in a row are enough to leave the
// rest unsent. Each was already retried.
const MaxFailures = 4

// NewPusher starts sending in the background. It stops once there is an outage.
func NewPusher(ctx context.Context, store *cache.Local, r *Remote, outage *Outage) *Pusher {
	p := &Pusher{store: store, remote: r, outage: outage, queue: make(chan cache.Entry, queueLength)}
	const senders = 2
	for range senders {
		p.done.Go(func() {
			for e := range p.queue {
				p.push(ctx, e)
			}
		})
	}
	return p
}

func (p *Pusher) push(ctx context.Context, e cache.Entry) {
	if p.stopped(ctx) {
		p.fail(fmt.Errorf("%s was not sent, because the remote had failed before", e.Key))
		return
	}
	moved, err := PushEntry(ctx, p.store, p.remote, e)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Moved.Add(moved)
	var down *FailedError
	var kept *KeptError
	switch {
	case errors.As(err, &kept):
		p.report.Kept = append(p.report.Kept, err)
		p.failures = 0
		return
	case errors.As(err, &down):
		p.failures++
	}
	if err != nil {
		p.report.Failed = append(p.report.Failed, err)
		return
	}
	if moved != (Transfer{}) {
		p.report.Pushed++
	}
	p.failures = 0
}

func (p *Pusher) stopped(ctx context.Context) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures >= MaxFailures || p.outage.Err() != nil || ctx.Err() != nil
}

func (p *Pusher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Failed = append(p.report.Failed, err)
}

// PushEntry sends an entry as the store has it now, without the artifacts that
// were evicted and those named.
func PushEntry(ctx context.Context, store *cache.Local, r *Remote, e cache.Entry, without ...string) (Transfer, error) {
	found, err := store.Lookup(ctx, e.Key)
	if err != nil {
		return Transfer{}, err
	}
	if !found[0].OK {
		return Transfer{}, fmt.Errorf("the store no longer has entry %s", e.Key)
	}
	return r.Push(ctx, store, *found[0].Entry, append(without, found[0].Absent...))
}

// Add queues an entry. A full queue counts as a failure of that entry.
func (p *Pusher) Add(e cache.Entry) {
	select {
	case p.queue <- e:
	default:
		p.fail(fmt.Errorf("%s was not sent, because the remote is too slow", e.Key))
	}
}

// Close waits until everything was sent.
func (p *Pusher) Close() Report {
	close(p.queue)
	p.done.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report
}
