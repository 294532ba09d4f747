package remote

import (
	"context"
	"errors"

	"ablate/cache"
)

// Through is the store of a machine that shares no folder with the coordinator.
// What it looks up is pulled, and what it publishes is pushed before it counts.
// That includes states, so that another machine can resume from them.
type Through struct{ Tiered }

// Lookup implements cache.Store. What only the remote has is pulled.
func (t Through) Lookup(ctx context.Context, keys ...cache.Key) ([]cache.Found, error) {
	found, err := t.Tiered.Lookup(ctx, keys...)
	if err != nil {
		return nil, err
	}
	pulled := false
	for _, f := range found {
		if !f.Away {
			continue
		}
		evicted := func(name string) bool {
			a, _ := f.Entry.Artifact(name)
			return f.Entry.Block == cache.StateBlock || t.Local.Retention(*f.Entry, a) == cache.Evict
		}
		if err := t.Pull(ctx, *f.Entry, evicted); err != nil {
			return nil, err
		}
		pulled = true
	}
	if !pulled {
		return found, nil
	}
	return t.Local.Lookup(ctx, keys...)
}

// Publish implements cache.Store. Another result that the remote keeps is no
// error: like a lost race, it wins.
func (t Through) Publish(ctx context.Context, e cache.Entry, evicted ...string) (cache.Entry, error) {
	e, err := t.Local.Publish(ctx, e, evicted...)
	if err != nil {
		return e, err
	}
	return e, t.send(ctx, e)
}

// Published reports whether this machine has all of an entry. It sends the entry, since
// the process that computed it may have ended before, and the remote may have lost it.
func (t Through) Published(ctx context.Context, k cache.Key) (bool, error) {
	found, err := t.Lookup(ctx, k)
	if err != nil || !found[0].OK || len(found[0].Absent) > 0 {
		return false, nil // what cannot be pulled is computed
	}
	return true, t.send(ctx, *found[0].Entry)
}

func (t Through) send(ctx context.Context, e cache.Entry) error {
	_, err := PushEntry(ctx, t.Local, t.Remote, e)
	var kept *KeptError
	if errors.As(err, &kept) && kept.Refused == nil {
		return nil
	}
	return err
}
