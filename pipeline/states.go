package pipeline

import (
	"context"
	"io"

	"ablate/cache"
)

// StateBlock is the block under which the store lists states.
const StateBlock = "state"

// Resumable is a stage that leaves states behind on its way, from which it can
// go on.
type Resumable interface {
	// Survey says how much of the work the store holds. It is asked when the
	// instance as a whole is not cached.
	Survey(ctx context.Context, in Inputs, states States) (Survey, error)
}

// Survey is how much of an action's work is cached.
type Survey struct {
	Text string  // what is there and what remains; "" when nothing is there
	Done float64 // the share of the work that is not to be done again, 1 for all of it
}

// States is where long work keeps what it has reached: entries of their own in
// the same store, under keys that the stage makes.
type States interface {
	// Class is the numerics class of what is kept here.
	Class() string
	// Find looks entries up, in order.
	Find(ctx context.Context, keys ...cache.Key) ([]cache.Found, error)
	// Read returns an artifact's bytes.
	Read(ctx context.Context, d cache.Digest) ([]byte, error)
	// Open reads an artifact as a stream, which the caller closes.
	Open(ctx context.Context, d cache.Digest) (io.ReadCloser, error)
	// Keep publishes a state. what is the description that the key is the hash
	// of. Losing the race is no error: the entry that won is returned.
	Keep(ctx context.Context, key cache.Key, what cache.Value, pieces ...Piece) (cache.Entry, error)
	// Drop gives up artifacts that can be computed again.
	Drop(ctx context.Context, ds ...cache.Digest) error
}

// Piece is one artifact of a state.
type Piece struct {
	Name, MediaType string
	Write           func(io.Writer) error
}
