package planner

import (
	"context"
	"iter"

	"ablate/cache"
)

// Store is what planning and running need of the cache.
type Store interface {
	cache.Store
	// Entries yields the entries of one kind, newest first.
	Entries(ctx context.Context, block, typ string) iter.Seq2[cache.Entry, error]
	// TryLock locks the key for this process; ok is false while another process
	// holds it.
	TryLock(key cache.Key) (unlock func() error, ok bool, err error)
	// Lost returns a channel that is closed when another machine, believing this
	// process dead, takes over a key that this process had locked.
	Lost(key cache.Key) <-chan struct{}
}

// Puller is a store backed by a remote.
type Puller interface {
	// Pull copies an entry that Lookup found on the remote into the local store.
	// Artifacts that are optional may be missing on the remote.
	Pull(ctx context.Context, e cache.Entry, optional func(artifact string) bool) error
	// Near returns the local store.
	Near() cache.Store
}

// history is a store that knows what was run and disowned.
type history interface {
	RootOf(study, dir string) (cache.Root, error)
	LastTombstone(key cache.Key) (t cache.Tombstone, ok bool)
}

// localStore returns the store that holds states: they are not shared.
func localStore(s Store) cache.Store {
	if t, ok := s.(Puller); ok {
		return t.Near()
	}
	return s
}
