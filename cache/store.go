// Package cache is a content-addressed store of what actions produce.
//
// A blob is a sequence of bytes named by its digest. An entry records the
// result of one action: its artifacts, the ingredients that its key is the hash
// of, and its provenance. Blobs are written before the entry that names them,
// the entry is created last and only if its key has none, and every read is
// verified. A crash therefore leaves garbage behind, but never a wrong result.
//
// The package knows nothing about studies, training or GoMLX.
package cache

import (
	"context"
	"io"
)

// Store is a content-addressed cache. Many processes may use one at once.
type Store interface {
	// Lookup returns one Found for each key, in order. It reads the index once,
	// not one file per key.
	Lookup(ctx context.Context, keys ...Key) ([]Found, error)
	// Publish records an entry that was computed on this machine, unless its key
	// has one. The store must hold all its blobs except those of the artifacts
	// in evicted. Losing the race is not an error: Publish returns the entry
	// that the store holds.
	Publish(ctx context.Context, e Entry, evicted ...string) (Entry, error)
	// Import records an entry that came from another machine. Unlike Publish it
	// never replaces an entry and refuses one that was disowned.
	Import(ctx context.Context, e Entry, evicted ...string) (Entry, error)
	// Open returns the plain bytes of a blob. Bytes that do not match the digest
	// surface as a *DamagedError, never as content: small blobs are verified
	// before Open returns, large ones by the time Read returns io.EOF.
	Open(ctx context.Context, d Digest) (io.ReadCloser, error)
	// Map returns all plain bytes of a blob, verified. Where the blob is stored
	// uncompressed on a local disk, they are memory-mapped and shared between
	// processes; otherwise they are a copy.
	Map(ctx context.Context, d Digest) (*Mapped, error)
	// Evict removes blobs that can be computed again. Entries that name them
	// stay, and Lookup reports the blobs as absent.
	Evict(ctx context.Context, ds ...Digest) error
	// Create starts a new blob. Commit makes it durable and visible.
	Create(ctx context.Context, mediaType string) (Writer, error)
}

// Found is the answer of Lookup for one key. OK is false on a miss.
type Found struct {
	OK     bool
	Entry  *Entry   // nil on a miss; shared with the store, so that nothing changes it
	Absent []string // artifacts whose blobs the store does not hold
	Lost   []string // of ingredients and provenance, those that the store does not hold
	Away   bool     // on a remote only: it must be pulled before it is read
}

// Writer receives the plain bytes of a new blob.
type Writer interface {
	io.Writer
	// Commit makes the blob durable and returns its digest and plain size.
	Commit() (Digest, int64, error)
	// Abort discards the bytes. After Commit it does nothing.
	Abort() error
}
