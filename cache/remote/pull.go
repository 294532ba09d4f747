package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"ablate/cache"
)

// maxDocumentSize bounds ingredients and provenance, whose sizes no entry states.
const maxDocumentSize = 64 << 20

// documents are those of an entry, named as remotes do.
func documents(e cache.Entry) []cache.Artifact {
	docs := e.Documents()
	for i := range docs {
		docs[i].Name = documentPrefix + docs[i].Name
	}
	return docs
}

// blobsOf lists all blobs of an entry. Size is -1 where it is unknown.
func blobsOf(e cache.Entry) []cache.Artifact {
	return append(append([]cache.Artifact{}, e.Artifacts...), documents(e)...)
}

// ConflictError reports that the store has another entry for a key, which stays.
type ConflictError struct {
	Key cache.Key
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the store already has another entry for %s, which stays", e.Key)
}

// Pull copies the blobs of an entry from Find into a store and imports it.
// Nothing is imported before all of it was checked. Artifacts for which optional
// returns true may be missing on the remote, and count as evicted here.
func (r *Remote) Pull(ctx context.Context, to cache.Store, e cache.Entry, optional func(name string) bool) (Transfer, error) {
	var moved Transfer
	for _, a := range documents(e) {
		n, err := r.fetch(ctx, to, a)
		if err != nil {
			return moved, r.fetchError(e, a, err)
		}
		moved.Add(n)
	}
	if err := r.checkIngredients(ctx, to, e); err != nil {
		return moved, fmt.Errorf("the entry of %s at %s was refused: %w", e.Key, r.url, err)
	}
	var mu sync.Mutex
	var evicted []string
	g, ctx2 := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, a := range e.Artifacts {
		g.Go(func() error {
			n, err := r.fetch(ctx2, to, a)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, errAbsent) && optional != nil && optional(a.Name) {
				evicted = append(evicted, a.Name)
				return nil
			}
			if err != nil {
				return r.fetchError(e, a, err)
			}
			moved.Add(n)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return moved, err
	}
	won, err := to.Import(ctx, e, evicted...)
	if err == nil && !won.SameArtifacts(e) {
		err = &ConflictError{e.Key}
	}
	return moved, err
}

// fetchError adds what to do to the reason why a blob of an entry was not fetched.
func (r *Remote) fetchError(e cache.Entry, a cache.Artifact, err error) error {
	var bad badError
	switch {
	case errors.Is(err, errAbsent):
		err = fmt.Errorf("%w; ablate cache push sends it again from a machine that has the result", err)
	case errors.As(err, &bad):
		err = fmt.Errorf("%w; if it happens again, have %s deleted on the remote, and run ablate cache push on a machine that has the result", err, casName(a.Digest))
	}
	return fmt.Errorf("fetching %s of %s from %s: %w", a.Name, e.Key, r.url, err)
}

func (r *Remote) checkIngredients(ctx context.Context, from cache.Store, e cache.Entry) error {
	if r.ingredient == nil {
		return nil
	}
	raw, err := cache.ReadAll(ctx, from, e.Ingredients)
	if err != nil {
		return err
	}
	return r.ingredient(e, raw)
}

// fetch copies one blob into a store that does not hold it. Bytes of another
// size or digest are discarded.
func (r *Remote) fetch(ctx context.Context, to cache.Store, a cache.Artifact) (Transfer, error) {
	if have, err := to.Open(ctx, a.Digest); err == nil {
		return Transfer{}, have.Close()
	}
	var n int64
	err := r.receive(ctx, casName(a.Digest), func(body io.Reader) (err error) {
		n, err = keep(ctx, to, a, body)
		return err
	})
	if err != nil {
		return Transfer{}, err
	}
	return Transfer{Blobs: 1, Bytes: n}, nil
}

// keep stores the bytes of a blob, if they are.
func keep(ctx context.Context, to cache.Store, a cache.Artifact, body io.Reader) (int64, error) {
	w, err := to.Create(ctx, a.MediaType)
	if err != nil {
		return 0, err
	}
	most := a.Size
	if most < 0 {
		most = maxDocumentSize
	}
	hash := cache.NewDigester()
	n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(body, most+1))
	switch {
	case err != nil:
	case n > most:
		err = damagedf("it is longer than the %d bytes that it should have", most)
	case a.Size >= 0 && n != a.Size:
		err = damagedf("it has %d bytes instead of %d", n, a.Size)
	case hash.Digest() != a.Digest:
		err = damagedf("its digest is %s instead of %s", hash.Digest(), a.Digest)
	}
	if err != nil {
		return 0, errors.Join(err, w.Abort())
	}
	_, _, err = w.Commit()
	return n, err
}

func damagedf(format string, args ...any) error {
	return badError{fmt.Errorf(format+": it was damaged there or on the way", args...)}
}

// Has reports whether the remote holds all of some blobs.
func (r *Remote) Has(ctx context.Context, ds ...cache.Digest) (bool, error) {
	for _, d := range ds {
		if ok, err := r.t.has(ctx, casName(d), -1); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Fetch copies one blob of an entry into a store that lost it.
func (r *Remote) Fetch(ctx context.Context, to cache.Store, e cache.Entry, name string) error {
	for _, a := range e.Blobs() {
		if a.Name != name {
			continue
		}
		if _, err := r.fetch(ctx, to, a); err != nil {
			return r.fetchError(e, a, err)
		}
	}
	return nil
}
