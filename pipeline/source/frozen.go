package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
)

// The files that a run copies into the store when it begins. What exceeds the bounds
// is read where it is.
const (
	maxFrozenFile  = 16 << 20  // bytes of one file
	maxFrozenTotal = 256 << 20 // bytes of all files
	maxFrozenFiles = 1000
)

// Listing says what patterns matched and what the files contained when a run began.
// Blobs of the store have the contents.
type Listing struct {
	Patterns map[string][]string `json:"patterns"` // paths by what patternKey returns
	Files    map[string]Content  `json:"files"`    // by path
}

// Content is the content of a file.
type Content struct {
	Digest cache.Digest `json:"digest"`
	Size   int64        `json:"size"`
}

// Frozen reads files as they were when a run began, whatever happens to them
// afterwards, and everything else from other sources.
type Frozen struct {
	pipeline.Sources
	Listing
	Store cache.Store
}

// Freeze copies the files that patterns match into a store. It skips files that
// cannot be read, about which the stage that needs them has a better message.
func Freeze(ctx context.Context, store *cache.Local, sources pipeline.Sources, declared []pipeline.Files) (*Frozen, error) {
	f := &Frozen{sources, Listing{make(map[string][]string), make(map[string]Content)}, store}
	paths := f.list(declared)
	total := int64(0)
	for _, path := range paths {
		d, size, err := sources.Digest(path)
		if _, known := f.Files[path]; known || err != nil || size > maxFrozenFile || total+size > maxFrozenTotal || len(f.Files) == maxFrozenFiles {
			continue
		}
		if err := f.copy(ctx, store, path, d); err != nil {
			return nil, err
		}
		f.Files[path] = Content{d, size}
		total += size
	}
	return f, f.checkCompanions(paths)
}

// list expands the patterns, all before any file is copied.
func (f *Frozen) list(declared []pipeline.Files) (all []string) {
	for _, d := range declared {
		key := patternKey(d.Pattern, d.Exclude)
		if _, known := f.Patterns[key]; known || pipeline.IsRemote(d.Pattern) {
			continue
		}
		paths, err := f.Sources.Expand(d.Pattern, d.Exclude...)
		if err != nil {
			continue
		}
		f.Patterns[key] = paths
		all = append(all, paths...)
	}
	return all
}

// checkCompanions digests a file again if it was listed together with one whose name
// extends its own, such as x.db and x.db-wal. A program may have moved content from
// one to the other between the two copies.
func (f *Frozen) checkCompanions(paths []string) error {
	for _, path := range paths {
		for i, c := range path {
			if c != '-' {
				continue
			}
			frozen, ok := f.Files[path[:i]]
			if !ok {
				continue
			}
			switch now, _, err := f.Sources.Digest(path[:i]); {
			case err != nil:
				return fmt.Errorf("copying %s into the store: %w", path[:i], err)
			case now != frozen.Digest:
				return fmt.Errorf("copying %s into the store: it changed while %s was copied: run again", path[:i], filepath.Base(path))
			}
		}
	}
	return nil
}

// patternKey names what a pattern matches without what is excluded; it is the pattern
// itself if nothing is.
func patternKey(pattern string, exclude []string) string {
	return strings.Join(append([]string{pattern}, exclude...), "\x00")
}

// copy copies a file into the store, unless the store has its content.
func (f *Frozen) copy(ctx context.Context, store *cache.Local, path string, want cache.Digest) error {
	if ok, err := store.Has(want); ok || err != nil {
		return err
	}
	r, err := f.Sources.Open(path)
	if err != nil {
		return fmt.Errorf("copying %s into the store: %w", path, err)
	}
	defer r.Close()
	w, err := store.Create(ctx, "text/plain")
	if err != nil {
		return fmt.Errorf("copying %s into the store: %w", path, err)
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(fmt.Errorf("copying %s into the store: %w", path, err), w.Abort())
	}
	got, _, err := w.Commit()
	if err == nil && got != want {
		err = errors.New("it changed while it was read: run again")
	}
	if err != nil {
		return fmt.Errorf("copying %s into the store: %w", path, err)
	}
	return nil
}

// Only returns the part of the listing that some declared files need.
func (f *Frozen) Only(declared []pipeline.Files) Listing {
	l := Listing{make(map[string][]string), make(map[string]Content)}
	for _, d := range declared {
		key := patternKey(d.Pattern, d.Exclude)
		paths, ok := f.Patterns[key]
		if !ok {
			continue
		}
		l.Patterns[key] = paths
		for _, path := range paths {
			if c, ok := f.Files[path]; ok {
				l.Files[path] = c
			}
		}
	}
	return l
}

// Expand implements pipeline.Sources.
func (f *Frozen) Expand(pattern string, exclude ...string) ([]string, error) {
	if paths, ok := f.Patterns[patternKey(pattern, exclude)]; ok {
		return paths, nil
	}
	return f.Sources.Expand(pattern, exclude...)
}

// Digest implements pipeline.Sources.
func (f *Frozen) Digest(path string) (cache.Digest, int64, error) {
	if c, ok := f.content(path); ok {
		return c.Digest, c.Size, nil
	}
	return f.Sources.Digest(path)
}

// content finds a file by its path, or by the pattern that matches it alone.
func (f *Frozen) content(path string) (Content, bool) {
	if paths := f.Patterns[path]; len(paths) == 1 {
		path = paths[0]
	}
	c, ok := f.Files[path]
	return c, ok
}

// Open implements pipeline.Sources. Without the blob, as on a machine that has
// another store, it reads the file, and the caller notices other content.
func (f *Frozen) Open(path string) (io.ReadCloser, error) {
	if c, ok := f.content(path); ok {
		if r, err := f.Store.Open(context.Background(), c.Digest); err == nil {
			return r, nil
		}
	}
	return f.Sources.Open(path)
}

// Prefetch copies a source on another machine into the store.
func (f *Frozen) Prefetch(ctx context.Context, source string) error {
	if p, ok := f.Sources.(interface {
		Prefetch(ctx context.Context, source string) error
	}); ok {
		return p.Prefetch(ctx, source)
	}
	return nil
}
