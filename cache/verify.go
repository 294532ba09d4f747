package cache

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// Fault is something in the store that is not what it was.
type Fault struct {
	Entry    Entry
	Artifact string // or ingredients, provenance
	Digest   Digest
	Err      error
	Gone     bool // it is not there, which is no damage: it will be made again
}

// Document reports whether it is one of the entry's documents, which no store
// gives up, and no artifact.
func (f Fault) Document() bool {
	return f.Digest == f.Entry.Ingredients || f.Digest == f.Entry.Provenance
}

// Verify reads every blob that the given entries name and calls f for what is
// damaged or gone. Damaged blobs are moved aside on the way.
func (s *Local) Verify(ctx context.Context, entries []Entry, f func(Fault)) (checked int, err error) {
	seen := make(map[Digest]bool)
	for _, e := range entries {
		blobs := append([]Artifact{{Name: "ingredients", Digest: e.Ingredients}, {Name: "provenance", Digest: e.Provenance}}, e.Artifacts...)
		for _, a := range blobs {
			if err := ctx.Err(); err != nil {
				return checked, context.Cause(ctx)
			}
			if seen[a.Digest] {
				continue
			}
			seen[a.Digest] = true
			checked++
			if err := s.verifyBlob(ctx, a.Digest); err != nil {
				f(Fault{Entry: e, Artifact: a.Name, Digest: a.Digest, Err: err, Gone: errors.Is(err, fs.ErrNotExist)})
			}
		}
	}
	return checked, nil
}

func (s *Local) verifyBlob(ctx context.Context, d Digest) error {
	r, err := s.Open(ctx, d)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// Reindex reads every entry's file, moves damaged ones aside, and writes the
// index anew. It returns how many files were moved.
func (s *Local) Reindex() (damaged int, err error) {
	before, _ := readNames(s.fs, s.path("damaged"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.rebuild(); err != nil {
		return 0, advise(err)
	}
	after, _ := readNames(s.fs, s.path("damaged"))
	return len(after) - len(before), nil
}
