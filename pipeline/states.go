package pipeline

import (
	"context"
	"io"

	"ablate/cache"
)

// StateBlock is the block of entries that hold states.
const StateBlock = "state"

// Resumable is a stage that saves states on its way and can resume from them.
type Resumable interface {
	// Mark returns the key of a state that the store has if it has any state of the
	// instance. Most instances of a plan were never started, and only this key is
	// looked up for them.
	Mark(in Inputs) (cache.Key, error)
	// Survey returns how much of the work is cached. It is called when the instance
	// as a whole is not, and its mark is.
	Survey(ctx context.Context, in Inputs, states States) (Survey, error)
}

// Survey is how much of an action's work is cached.
type Survey struct {
	Text string  // what is cached and what remains; "" when nothing is cached
	Done float64 // the share of the work that is cached, 1 for all of it
}

// States stores the intermediate states of long work as entries of their own, in
// the same store, under keys that the stage makes.
type States interface {
	// Class is the numerics class of the states kept here.
	Class() string
	// Find looks entries up, in order.
	Find(ctx context.Context, keys ...cache.Key) ([]cache.Found, error)
	// Read returns an artifact's bytes.
	Read(ctx context.Context, d cache.Digest) ([]byte, error)
	// Open reads an artifact as a stream, which the caller closes.
	Open(ctx context.Context, d cache.Digest) (io.ReadCloser, error)
	// Keep publishes a state. what is the description that the key is the hash
	// of. Where another process published the key first, Keep returns its entry.
	Keep(ctx context.Context, key cache.Key, what cache.Value, pieces ...Piece) (cache.Entry, error)
	// Drop deletes artifacts that can be computed again.
	Drop(ctx context.Context, ds ...cache.Digest) error
}

// Piece is one artifact of a state.
type Piece struct {
	Name, MediaType string
	Retention       cache.Retention // Keep for what was measured; the rest can be evicted
	Write           func(io.Writer) error
}
