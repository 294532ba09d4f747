package behaviour

import (
	"bytes"
	"context"
	"io"
	"sync"

	"ablate/cache"
	"ablate/pipeline"
)

// keeper is pipeline.States in memory. It lists what is kept in order, and drops
// nothing.
type keeper struct {
	lab *Lab

	mu      sync.Mutex // guards the rest
	entries map[cache.Key]cache.Entry
	order   []Kept
}

// Class implements pipeline.States.
func (k *keeper) Class() string { return "lab" }

// Find implements pipeline.States.
func (k *keeper) Find(_ context.Context, keys ...cache.Key) ([]cache.Found, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]cache.Found, len(keys))
	for i, key := range keys {
		if e, ok := k.entries[key]; ok {
			out[i] = cache.Found{OK: true, Entry: &e}
		}
	}
	return out, nil
}

// Read implements pipeline.States.
func (k *keeper) Read(_ context.Context, d cache.Digest) ([]byte, error) { return k.lab.get(d) }

// Open implements pipeline.States.
func (k *keeper) Open(_ context.Context, d cache.Digest) (io.ReadCloser, error) {
	return k.lab.open(d)
}

// Keep implements pipeline.States.
func (k *keeper) Keep(_ context.Context, key cache.Key, what cache.Value, pieces ...pipeline.Piece) (cache.Entry, error) {
	kept := Kept{What: what, Pieces: make(map[string][]byte)}
	e := cache.Entry{Key: key, Block: pipeline.StateBlock, Class: k.Class()}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range pieces {
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			return cache.Entry{}, err
		}
		a := k.lab.Artifact(p.Name, b.Bytes())
		a.MediaType = p.MediaType
		e.Artifacts = append(e.Artifacts, a)
		kept.Names, kept.Pieces[p.Name] = append(kept.Names, p.Name), b.Bytes()
	}
	k.entries[key] = e
	k.order = append(k.order, kept)
	return e, nil
}

// Drop implements pipeline.States.
func (k *keeper) Drop(context.Context, ...cache.Digest) error { return nil }
