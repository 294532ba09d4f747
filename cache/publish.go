package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Publish implements Store.
func (s *Local) Publish(ctx context.Context, e Entry, evicted ...string) (Entry, error) {
	e.Origin = Computed
	if last := s.lastDisowned(e.Key); !last.IsZero() && !e.Created.After(last) {
		// It was computed after the tombstone was written, even if the clock of the
		// machine that wrote it was ahead.
		e.Created = last.Add(time.Nanosecond).UTC()
	}
	e, err := s.publish(ctx, e, evicted)
	if err == nil && s.retracted(e) { // disowned meanwhile
		return Entry{}, fmt.Errorf("%w (%s)", s.Disowned(e), s.tombstonePath(e.Key))
	}
	return e, err
}

// Import implements Store. The origin must say whether the entry was verified.
func (s *Local) Import(ctx context.Context, e Entry, evicted ...string) (Entry, error) {
	if e.Origin != Verified {
		e.Origin = ""
	}
	if err := s.Disowned(e); err != nil {
		return Entry{}, err
	}
	return s.publish(ctx, e, evicted)
}

// publish creates the entry's file, or settles which entry stays.
func (s *Local) publish(ctx context.Context, e Entry, evicted []string) (Entry, error) {
	absent, lost, err := s.missing(e)
	if err != nil {
		return Entry{}, err
	}
	if lost = append(without(absent, evicted), lost...); len(lost) > 0 {
		return Entry{}, fmt.Errorf("entry %s names blobs that the store does not hold: %s", e.Key, strings.Join(lost, ", "))
	}
	slices.SortFunc(e.Artifacts, func(a, b Artifact) int { return strings.Compare(a.Name, b.Name) })
	const tries = 3 // a damaged entry moves out of the way after the first
	for range tries {
		if err := ctx.Err(); err != nil {
			return Entry{}, context.Cause(ctx)
		}
		err := s.createFile(s.entryPath(e.Key), EncodeEntry(e))
		if err == nil {
			return e, s.appendIndex(ctx, e)
		}
		if !errors.Is(err, fs.ErrExist) {
			return Entry{}, advise(fmt.Errorf("publishing entry %s: %w", e.Key, err))
		}
		s.mu.Lock()
		winner, err := s.entryFile(e.Key)
		s.mu.Unlock()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Entry{}, fmt.Errorf("reading the entry that was published first: %w", err)
		}
		return s.settle(ctx, winner, e, evicted)
	}
	return Entry{}, fmt.Errorf("publishing entry %s: its file can neither be created nor read", e.Key)
}

// settle decides between the entry of a key and another for the same key. The
// first one stays. It is replaced only by what this machine computed, and only
// where it is of no use any more.
func (s *Local) settle(ctx context.Context, winner, e Entry, evicted []string) (Entry, error) {
	upgrade := winner.Same(e) && winner.Origin == "" && e.Origin != ""
	why := ""
	if !winner.Same(e) {
		var err error
		if why, err = s.whyUseless(winner, e, evicted); err != nil {
			return Entry{}, err
		}
	}
	if !upgrade && why == "" {
		return winner, s.appendIndex(ctx, winner)
	}
	if why != "" {
		s.healed(fmt.Errorf("entry %s was replaced by a result computed again: %s", e.Key, why))
	}
	if err := s.writeFile(s.entryPath(e.Key), EncodeEntry(e)); err != nil {
		return Entry{}, advise(fmt.Errorf("replacing entry %s: %w", e.Key, err))
	}
	return e, s.appendIndex(ctx, e)
}

// whyUseless says why an entry gives way to another one for the same key; "" if it
// stays.
func (s *Local) whyUseless(winner, e Entry, evicted []string) (string, error) {
	switch {
	case e.Origin != Computed:
		return "", nil
	case s.retracted(winner):
		return "it was disowned", nil
	}
	absent, lost, err := s.missing(winner)
	kept := s.kept(winner, without(absent, evicted))
	switch {
	case err != nil:
		return "", err
	case winner.Origin != Computed && s.incomplete(winner, absent, e):
		return "it came from elsewhere without all artifacts that the action makes", nil
	case len(kept) > 0:
		return "the store lost its " + strings.Join(kept, ", "), nil
	case winner.SameArtifacts(e) && len(lost) > 0:
		return "the store lost its " + strings.Join(lost, " and "), nil
	}
	return "", nil
}

// incomplete reports whether an entry is not of the kind of another one for the same
// key, or lacks an artifact that the other one has and does not declare evictable.
func (s *Local) incomplete(e Entry, absent []string, other Entry) bool {
	return e.Block != other.Block || e.Type != other.Type || slices.ContainsFunc(other.Artifacts, func(want Artifact) bool {
		_, ok := e.Artifact(want.Name)
		return !ok || slices.Contains(absent, want.Name) && s.Retention(other, want) != Evict
	})
}

// missing lists the artifacts and the documents of an entry that the store does not
// hold.
func (s *Local) missing(e Entry) (artifacts, documents []string, err error) {
	lacks := func(d Digest) bool {
		ok, e := s.Has(d)
		err = cmp.Or(err, e)
		return !ok
	}
	for _, a := range e.Artifacts {
		if lacks(a.Digest) {
			artifacts = append(artifacts, a.Name)
		}
	}
	for _, d := range e.Documents() {
		if lacks(d.Digest) {
			documents = append(documents, d.Name)
		}
	}
	return artifacts, documents, err
}

// without returns the names that are not among others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// kept lists those of an entry's artifacts that nothing may evict.
func (s *Local) kept(e Entry, names []string) (out []string) {
	for _, name := range names {
		if a, _ := e.Artifact(name); s.Retention(e, a) != Evict {
			out = append(out, name)
		}
	}
	return out
}

// ReplaceDocuments gives the entry of a key other documents in place of those that
// the store lost. Its artifacts and its origin stay.
func (s *Local) ReplaceDocuments(ctx context.Context, k Key, ingredients, provenance Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryFile(k)
	if copied, ok := s.index.entries[k]; ok && isAbsent(err) {
		e, err = *copied, nil
	}
	if err != nil {
		return err
	}
	_, lost, err := s.missing(e)
	if err != nil {
		return err
	}
	if slices.Contains(lost, "ingredients") {
		e.Ingredients = ingredients
	}
	if slices.Contains(lost, "provenance") {
		e.Provenance = provenance
	}
	if _, lost, err = s.missing(e); err != nil {
		return err
	}
	if len(lost) > 0 {
		return fmt.Errorf("entry %s would still lack its %s", k, strings.Join(lost, " and "))
	}
	if err := s.writeFile(s.entryPath(k), EncodeEntry(e)); err != nil {
		return advise(fmt.Errorf("replacing the documents of entry %s: %w", k, err))
	}
	return s.appendIndex(ctx, e)
}
