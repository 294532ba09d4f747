package program

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
)

// checkpointName is the only artifact of a kept checkpoint.
const checkpointName = "checkpoint"

// commitFile names the checkpoint that is complete.
const commitFile = "COMMIT"

// resumeDomain separates the keys of checkpoints from all others.
const resumeDomain = "ablate program checkpoint v1"

// batch is how many checkpoints are looked up at once.
const batch = 64

// checkpoints keeps what a program committed, numbered, so that another
// process, here or elsewhere, can go on from the last.
type checkpoints struct {
	states pipeline.States
	base   cache.Value
	last   int // number of the newest, 0 for none
	entry  cache.Entry
}

// openCheckpoints finds the newest one that is still there.
func openCheckpoints(ctx context.Context, spec Spec, in pipeline.Inputs, states pipeline.States) (*checkpoints, error) {
	what, err := spec.Ingredients(in)
	if err != nil {
		return nil, err
	}
	text, err := digestible(spec)
	if err != nil {
		return nil, err
	}
	c := &checkpoints{states: states, base: cache.Map(map[string]cache.Value{"surroundings": what, "spec": text})}
	for from := 1; ; from += batch {
		keys := make([]cache.Key, batch)
		for i := range keys {
			keys[i] = c.describe(from + i).Key(resumeDomain)
		}
		found, err := states.Find(ctx, keys...)
		if err != nil {
			return nil, err
		}
		for i, f := range found {
			if f.OK && len(f.Absent) == 0 {
				c.last, c.entry = from+i, f.Entry
			}
		}
		if !found[batch-1].OK {
			return c, nil
		}
	}
}

func (c *checkpoints) describe(n int) cache.Value {
	return cache.Map(map[string]cache.Value{"of": c.base, "number": cache.Int(int64(n))})
}

// keep stores the committed checkpoint of a folder, with the metrics so far.
// A checkpoint that the program replaced meanwhile is left for the next time.
func (c *checkpoints) keep(ctx context.Context, s scratch) error {
	commit, err := readCommit(s)
	if err != nil {
		return err
	}
	n := c.last + 1
	what := c.describe(n)
	entry, err := c.states.Keep(ctx, what.Key(resumeDomain), what, pipeline.Piece{
		Name: checkpointName, MediaType: "application/x-tar", Write: func(w io.Writer) error { return packed(w, s, commit) },
	})
	if err != nil {
		return err
	}
	before := c.entry
	c.last, c.entry = n, entry
	return c.drop(ctx, before, entry)
}

// packed writes a checkpoint that is still the committed one when that is done.
func packed(w io.Writer, s scratch, commit string) error {
	if err := pack(w, s, commit); err != nil {
		return fmt.Errorf("reading the program's checkpoint: %w", err)
	}
	if now, err := readCommit(s); err != nil || now != commit {
		return fmt.Errorf("the program replaced %s while it was being read", commit)
	}
	return nil
}

// finish gives up the last checkpoint: the result is there.
func (c *checkpoints) finish(ctx context.Context) error {
	return c.drop(ctx, c.entry, cache.Entry{})
}

// drop gives up a checkpoint that another has replaced.
func (c *checkpoints) drop(ctx context.Context, old, now cache.Entry) error {
	a, ok := old.Artifact(checkpointName)
	if b, _ := now.Artifact(checkpointName); !ok || a.Digest == b.Digest {
		return nil
	}
	return c.states.Drop(ctx, a.Digest)
}

// restore puts the newest checkpoint and its metrics into a folder.
func (c *checkpoints) restore(ctx context.Context, s scratch) error {
	a, ok := c.entry.Artifact(checkpointName)
	if !ok {
		return nil
	}
	r, err := c.states.Open(ctx, a.Digest)
	if err != nil {
		return fmt.Errorf("reading the last checkpoint: %w", err)
	}
	defer r.Close()
	return unpack(s, r)
}

// readCommit is the name in COMMIT.
func readCommit(s scratch) (string, error) {
	raw, err := os.ReadFile(s.path(resumeFolder, commitFile))
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(raw))
	if !filepath.IsLocal(name) || name == commitFile {
		return "", fmt.Errorf("%s names %q, which is nothing in the folder %s", commitFile, name, resumeFolder)
	}
	return name, nil
}

// pack writes a checkpoint, the mark that it is one, and the metrics.
func pack(w io.Writer, s scratch, commit string) error {
	t := tar.NewWriter(w)
	for _, top := range []string{filepath.Join(resumeFolder, commit), filepath.Join(resumeFolder, commitFile), metricsFile} {
		err := filepath.WalkDir(s.path(top), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && top == metricsFile {
				return nil // nothing logged yet
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return packFile(t, s, path)
		})
		if err != nil {
			return err
		}
	}
	return t.Close()
}

// packFile adds a file as it is now; only name and content count.
func packFile(t *tar.Writer, s scratch, path string) error {
	name, err := filepath.Rel(s.dir, path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := whole(f, name)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: size}); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, size)
	return err
}

// whole is how much of a file counts: of the metrics the whole lines, since one
// may be under way.
func whole(f *os.File, name string) (int64, error) {
	if name != metricsFile {
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return int64(bytes.LastIndexByte(raw, '\n') + 1), err
}

// unpack writes files below the folder, and nowhere else.
func unpack(s scratch, r io.Reader) error {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the last checkpoint: %w", err)
		}
		name := filepath.FromSlash(h.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
		f, err := root.Create(name)
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
		_, err = io.Copy(f, t)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
	}
}
