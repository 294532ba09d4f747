package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"ablate/cache"
)

// Tiered is a local store with a remote behind it: what is not here is looked
// for there.
type Tiered struct {
	*cache.Local
	Remote *Remote
	Outage *Outage // nil: a remote that fails is an error
}

// Outage lets work that is under way go on without a remote that fails: from
// its first failure on the remote is not asked again.
type Outage struct {
	mu  sync.Mutex
	err error
}

// Err is the failure, once there is one.
func (o *Outage) Err() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *Outage) begin(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = cmp.Or(o.err, err)
}

// Near is the store without the remote, for what is never shared.
func (t Tiered) Near() cache.Store { return t.Local }

// Lookup implements cache.Store. What only the remote has is found with all
// its artifacts, and must be pulled before it is read.
func (t Tiered) Lookup(ctx context.Context, keys ...cache.Key) ([]cache.Found, error) {
	found, err := t.Local.Lookup(ctx, keys...)
	if err != nil {
		return nil, err
	}
	var missing []cache.Key
	var at []int
	for i, f := range found {
		if !f.OK {
			missing, at = append(missing, keys[i]), append(at, i)
		}
	}
	if t.Outage.Err() != nil {
		return found, nil
	}
	entries, err := t.Remote.Find(ctx, missing...)
	if err != nil {
		if t.Outage == nil || ctx.Err() != nil {
			return nil, err
		}
		t.Outage.begin(err)
		return found, nil
	}
	for j, e := range entries {
		if e != nil && t.Local.Disowned(*e) == nil {
			found[at[j]] = cache.Found{OK: true, Entry: *e, Away: true}
		}
	}
	return found, nil
}

// Pull brings an entry that Lookup found away.
func (t Tiered) Pull(ctx context.Context, e cache.Entry, optional func(artifact string) bool) error {
	if err := t.Outage.Err(); err != nil {
		return err
	}
	_, err := t.Remote.Pull(ctx, t.Local, e, optional)
	return err
}

// Pusher sends entries to a remote while a run goes on. It never holds the run
// up: what the queue cannot take, and what fails, is reported at the end.
type Pusher struct {
	store  *cache.Local
	remote *Remote
	outage *Outage
	queue  chan cache.Entry
	done   sync.WaitGroup

	mu     sync.Mutex
	moved  Moved
	pushed int
	failed []error
	inARow int // failures of the remote
}

// queued is how many entries wait at most.
const queued = 1024

// Enduring is how many failures of a remote in a row are enough to leave the
// rest alone: each has been repeated and waited for already.
const Enduring = 4

// NewPusher starts sending in the background. Once there is an outage, nothing
// more is tried.
func NewPusher(ctx context.Context, store *cache.Local, r *Remote, outage *Outage) *Pusher {
	p := &Pusher{store: store, remote: r, outage: outage, queue: make(chan cache.Entry, queued)}
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
	p.mu.Lock()
	if p.inARow >= Enduring || p.outage.Err() != nil || ctx.Err() != nil {
		p.failed = append(p.failed, errors.New("the remote had failed before the entry "+e.Key.String()))
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	moved, err := PushEntry(ctx, p.store, p.remote, e)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved.Blobs, p.moved.Bytes = p.moved.Blobs+moved.Blobs, p.moved.Bytes+moved.Bytes
	var down *FailedError
	if errors.As(err, &down) {
		p.inARow++
	}
	if err != nil {
		p.failed = append(p.failed, err)
		return
	}
	p.pushed++
	p.inARow = 0
}

// PushEntry sends an entry as the store has it now: what it has given up is
// left out, and so are the artifacts named.
func PushEntry(ctx context.Context, store *cache.Local, r *Remote, e cache.Entry, without ...string) (Moved, error) {
	found, err := store.Lookup(ctx, e.Key)
	if err != nil {
		return Moved{}, err
	}
	if !found[0].OK {
		return Moved{}, fmt.Errorf("entry %s is gone from the store", e.Key)
	}
	return r.Push(ctx, store, found[0].Entry, append(without, found[0].Absent...))
}

// Add queues an entry; a full queue is a failure of that entry.
func (p *Pusher) Add(e cache.Entry) {
	select {
	case p.queue <- e:
	default:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.failed = append(p.failed, errors.New("the remote was too slow for the entry "+e.Key.String()))
	}
}

// Close waits until everything is sent, and says what was not.
func (p *Pusher) Close() (pushed int, moved Moved, failed []error) {
	close(p.queue)
	p.done.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pushed, p.moved, p.failed
}
