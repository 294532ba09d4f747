package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// stateStore keeps states as entries of a store. It implements pipeline.States.
type stateStore struct {
	store   cache.Store
	kind    pipeline.Kind
	class   string
	address addr.Instance
	host    Host
	clock   func() time.Time
	started time.Time // of the action
	before  float64   // seconds that it took to reach the state from which the action resumed
}

// resume counts the time that it took to reach a state. Where the store lost the record
// of it, only this action's time is known.
func (s *stateStore) resume(ctx context.Context, e cache.Entry) {
	p, _ := ProvenanceOf(ctx, s.store, e)
	s.before = p.Seconds
}

// seconds is how long the work took so far.
func (s *stateStore) seconds(now time.Time) float64 { return s.before + now.Sub(s.started).Seconds() }

// Class implements pipeline.States.
func (s *stateStore) Class() string { return s.class }

// versioned is the key under which the store holds a state. It includes the kind and
// its version, so that a new version recomputes every state and observation.
func (s *stateStore) versioned(k cache.Key) cache.Key {
	return cache.List(cache.String(s.kind.Block), cache.String(s.kind.Type), cache.Int(int64(s.kind.Version)), cache.String(k.String())).Key("ablate state entry v1")
}

// Find implements pipeline.States.
func (s *stateStore) Find(ctx context.Context, keys ...cache.Key) ([]cache.Found, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	versioned := make([]cache.Key, len(keys))
	for i, k := range keys {
		versioned[i] = s.versioned(k)
	}
	found, err := s.store.Lookup(ctx, versioned...)
	if err != nil {
		return nil, fmt.Errorf("looking up states: %w", err)
	}
	return found, nil
}

// Read implements pipeline.States.
func (s *stateStore) Read(ctx context.Context, d cache.Digest) ([]byte, error) {
	return cache.ReadAll(ctx, s.store, d)
}

// Open implements pipeline.States.
func (s *stateStore) Open(ctx context.Context, d cache.Digest) (io.ReadCloser, error) {
	return s.store.Open(ctx, d)
}

// Keep implements pipeline.States.
func (s *stateStore) Keep(ctx context.Context, key cache.Key, what cache.Value, pieces ...pipeline.Piece) (cache.Entry, error) {
	e := cache.Entry{Key: s.versioned(key), Block: pipeline.StateBlock, Type: s.kind.Type, Class: s.class, Created: s.clock().UTC()}
	for _, p := range pieces {
		a, err := s.write(ctx, p)
		if err != nil {
			return cache.Entry{}, fmt.Errorf("storing %s: %w", p.Name, err)
		}
		e.Artifacts = append(e.Artifacts, a)
	}
	var err error
	if e.Ingredients, err = cache.WriteJSON(ctx, s.store, document(what, cache.Value{}, s.address, "")); err != nil {
		return cache.Entry{}, fmt.Errorf("storing a state's description: %w", err)
	}
	e.Provenance, err = cache.WriteJSON(ctx, s.store, Provenance{
		Address: s.address, Host: s.host, Class: s.class, Started: s.started.UTC(), Finished: e.Created, Seconds: s.seconds(e.Created),
	})
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing a state's provenance: %w", err)
	}
	if e, err = s.store.Publish(ctx, e); err != nil {
		return cache.Entry{}, fmt.Errorf("publishing a state: %w", err)
	}
	return e, nil
}

func (s *stateStore) write(ctx context.Context, p pipeline.Piece) (cache.Artifact, error) {
	w, err := s.store.Create(ctx, p.MediaType)
	if err != nil {
		return cache.Artifact{}, err
	}
	if err := p.Write(w); err != nil {
		return cache.Artifact{}, errors.Join(err, w.Abort())
	}
	d, size, err := w.Commit()
	return cache.Artifact{Name: p.Name, MediaType: p.MediaType, Digest: d, Size: size, Retention: p.Retention}, err
}

// Drop implements pipeline.States.
func (s *stateStore) Drop(ctx context.Context, ds ...cache.Digest) error {
	return s.store.Evict(ctx, ds...)
}

// StatesOf returns the states of an instance for reading. Only a Worker keeps
// states.
func StatesOf(store cache.Store, kind pipeline.Kind, class string, at addr.Instance) pipeline.States {
	return &stateStore{store: store, kind: kind, class: class, address: at}
}
