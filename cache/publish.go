package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Publish implements Store.
func (s *Local) Publish(ctx context.Context, e Entry, evicted ...string) (Entry, error) {
	e.Origin = Computed
	return s.publish(ctx, e, evicted)
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
	if lost := s.missing(e, evicted); len(lost) > 0 {
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
			return Entry{}, advise(fmt.Errorf("reading the entry that was published first: %w", err))
		}
		return s.settle(ctx, winner, e, evicted)
	}
	return Entry{}, fmt.Errorf("publishing entry %s: its file can neither be created nor read", e.Key)
}

// settle decides between the entry of a key and another for the same key. The
// first one stays. It is replaced only by what this machine computed, and only
// where it is of no use any more.
func (s *Local) settle(ctx context.Context, winner, e Entry, evicted []string) (Entry, error) {
	why := ""
	switch {
	case winner.Same(e):
		if winner.Origin != "" || e.Origin == "" {
			return winner, s.appendIndex(ctx, winner)
		}
	case e.Origin != Computed:
		return winner, s.appendIndex(ctx, winner)
	case s.Disowned(winner) != nil && !s.reinstated(winner):
		why = "it was disowned"
	case winner.Origin != Computed && s.useless(winner, e):
		why = "it came from elsewhere without all artifacts that the action makes"
	case len(s.missingKept(winner, evicted)) > 0:
		why = "the store lost its " + strings.Join(s.missingKept(winner, evicted), ", ")
	case winner.SameArtifacts(e) && len(s.missingDocuments(winner)) > 0:
		why = "the store lost its " + strings.Join(s.missingDocuments(winner), " and ")
	default:
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

// useless reports whether an entry is not of the kind of another one for the same
// key, or lacks an artifact that the other one has and does not declare evictable.
func (s *Local) useless(e, other Entry) bool {
	return e.Block != other.Block || e.Type != other.Type || slices.ContainsFunc(other.Artifacts, func(want Artifact) bool {
		a, ok := e.Artifact(want.Name)
		return !ok || !s.hasBlob(a.Digest) && s.Retention(other, want) != Evict
	})
}

// missing lists everything that an entry names and the store does not hold,
// except some artifacts.
func (s *Local) missing(e Entry, except []string) []string {
	return append(s.missingArtifacts(e, except), s.missingDocuments(e)...)
}

func (s *Local) missingArtifacts(e Entry, except []string) []string {
	var lost []string
	for _, a := range e.Artifacts {
		if !slices.Contains(except, a.Name) && !s.hasBlob(a.Digest) {
			lost = append(lost, a.Name)
		}
	}
	return lost
}

// missingKept lists the missing artifacts that nothing may have evicted.
func (s *Local) missingKept(e Entry, except []string) []string {
	return s.kept(e, s.missingArtifacts(e, except))
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

func (s *Local) missingDocuments(e Entry) []string {
	var lost []string
	if !s.hasBlob(e.Ingredients) {
		lost = append(lost, "ingredients")
	}
	if !s.hasBlob(e.Provenance) {
		lost = append(lost, "provenance")
	}
	return lost
}

// createFile creates a durable file. The name must be free.
func (s *Local) createFile(name string, content []byte) error {
	tmp, err := afero.TempFile(s.fs, s.path("tmp"), "file-*")
	if err != nil {
		return err
	}
	defer s.fs.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return s.link(tmp.Name(), name)
}

// link gives a finished temporary file its final name, durably.
func (s *Local) link(tmp, name string) error {
	dir := filepath.Dir(name)
	if err := s.makeFolder(dir); err != nil {
		return err
	}
	if err := s.fs.Chmod(tmp, 0o444); err != nil {
		return err
	}
	err := s.fs.Link(tmp, name)
	if errors.Is(err, fs.ErrExist) && s.irregular(name) {
		s.quarantine(name, "")
		err = s.fs.Link(tmp, name)
	}
	if err != nil {
		return err
	}
	return s.fs.SyncDir(dir)
}

// writeFile replaces a file durably, or whatever else has its name.
func (s *Local) writeFile(name string, content []byte) error {
	if err := s.makeFolder(filepath.Dir(name)); err != nil {
		return err
	}
	err := fsys.WriteAtomic(s.fs, name, content)
	if err != nil && s.irregular(name) {
		s.quarantine(name, "")
		err = fsys.WriteAtomic(s.fs, name, content)
	}
	return err
}

// irregular reports whether a name holds what no file of the store can be.
func (s *Local) irregular(name string) bool {
	info, err := s.fs.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// ReplaceDocuments gives the entry of a key other documents in place of those that
// the store lost. Its artifacts and its origin stay.
func (s *Local) ReplaceDocuments(ctx context.Context, k Key, ingredients, provenance Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryFile(k)
	if err != nil {
		return err
	}
	if !s.hasBlob(e.Ingredients) {
		e.Ingredients = ingredients
	}
	if !s.hasBlob(e.Provenance) {
		e.Provenance = provenance
	}
	if lost := s.missingDocuments(e); len(lost) > 0 {
		return fmt.Errorf("entry %s would still lack its %s", k, strings.Join(lost, " and "))
	}
	if err := s.writeFile(s.entryPath(k), EncodeEntry(e)); err != nil {
		return advise(fmt.Errorf("replacing the documents of entry %s: %w", k, err))
	}
	return s.appendIndex(ctx, e)
}
