package remote

import (
	"context"

	"ablate/cache"
)

// Through is the store of a machine that shares no folder with whoever sent it
// work: what it looks up is brought here, and what it publishes is sent to the
// remote before it counts. That holds for states, too, so that another machine
// can go on from them.
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
		if err := t.Pull(ctx, f.Entry, func(string) bool { return true }); err != nil {
			return nil, err
		}
		pulled = true
	}
	if !pulled {
		return found, nil
	}
	return t.Local.Lookup(ctx, keys...)
}

// Publish implements cache.Store.
func (t Through) Publish(ctx context.Context, e cache.Entry, evicted ...string) (cache.Entry, error) {
	e, err := t.Local.Publish(ctx, e, evicted...)
	if err != nil {
		return e, err
	}
	_, err = PushEntry(ctx, t.Local, t.Remote, e)
	return e, err
}
