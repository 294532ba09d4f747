package remote

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"ablate/cache"
)

// Tiered is a local store backed by a remote.
type Tiered struct {
	*cache.Local
	Remote *Remote
	Outage *Outage // nil: a remote that fails is an error
}

// Outage lets work in progress continue without a remote that fails. After its
// first failure the remote is not asked again.
type Outage struct {
	mu  sync.Mutex
	err error
}

// Err is the failure, if there was one.
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

// Lookup implements cache.Store. An entry that only the remote has, or whose
// lost blobs the remote has, is Away: it must be pulled before it is read.
func (t Tiered) Lookup(ctx context.Context, keys ...cache.Key) ([]cache.Found, error) {
	found, err := t.Local.Lookup(ctx, keys...)
	if err != nil || t.Outage.Err() != nil {
		return found, err
	}
	err = t.findMissing(ctx, keys, found)
	if err == nil {
		err = t.findLost(ctx, found)
	}
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, err
	case t.Outage == nil:
		return nil, fmt.Errorf("%w\nUse --offline to work without it", err)
	}
	t.Outage.begin(err)
	return found, nil
}

// findMissing looks up what the local store does not have.
func (t Tiered) findMissing(ctx context.Context, keys []cache.Key, found []cache.Found) error {
	var missing []cache.Key
	var at []int
	for i, f := range found {
		if !f.OK {
			missing, at = append(missing, keys[i]), append(at, i)
		}
	}
	entries, err := t.Remote.Find(ctx, missing...)
	if err != nil {
		return err
	}
	for j, e := range entries {
		if e != nil && t.Local.Disowned(*e) == nil {
			found[at[j]] = cache.Found{OK: true, Entry: e, Away: true}
		}
	}
	return nil
}

// findLost looks for the blobs of local entries that nothing may have evicted
// and that the store lost all the same: many, if a clean-up job deleted old files.
func (t Tiered) findLost(ctx context.Context, found []cache.Found) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i := range found {
		f := &found[i]
		if !f.OK || f.Away {
			continue
		}
		lost := t.lost(*f)
		if len(lost) == 0 {
			continue
		}
		g.Go(func() (err error) {
			f.Away, err = t.Remote.Has(ctx, lost...)
			return err
		})
	}
	return g.Wait()
}

// lost lists the blobs of an entry that are missing here and were not evicted.
func (t Tiered) lost(f cache.Found) []cache.Digest {
	var out []cache.Digest
	for _, a := range f.Entry.Artifacts {
		if slices.Contains(f.Absent, a.Name) && t.Local.Retention(*f.Entry, a) != cache.Evict {
			out = append(out, a.Digest)
		}
	}
	for _, d := range f.Entry.Documents() {
		if slices.Contains(f.Lost, d.Name) {
			out = append(out, d.Digest)
		}
	}
	return out
}

// Pull copies an entry that Lookup found away, or its lost blobs.
func (t Tiered) Pull(ctx context.Context, e cache.Entry, optional func(artifact string) bool) error {
	if err := t.Outage.Err(); err != nil {
		return err
	}
	_, err := t.Remote.Pull(ctx, t.Local, e, optional)
	return err
}
