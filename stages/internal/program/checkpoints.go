package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// checkpointName is the only artifact of a checkpoint.
const checkpointName = "checkpoint"

// commitFile holds the name of the checkpoint that is complete.
const commitFile = "COMMIT"

// resumeDomain separates the keys of checkpoints from all other keys.
const resumeDomain = "ablate program checkpoint v1"

// lookupBatch is how many checkpoints are looked up at once.
const lookupBatch = 64

// checkpoints stores what a program committed, numbered from 1, so that another
// process, here or on another machine, can resume from the last one.
type checkpoints struct {
	states pipeline.States
	base   cache.Value
	last   int // number of the newest, 0 for none
	entry  cache.Entry
	warned bool // the user knows that one could not be kept
}

// newCheckpoints names the checkpoints of a program, and looks none up.
func newCheckpoints(spec Spec, in pipeline.Inputs, states pipeline.States) (*checkpoints, error) {
	ingredients, err := spec.Ingredients(in)
	if err != nil {
		return nil, err
	}
	call, err := jsonValue(spec.call())
	if err != nil {
		return nil, err
	}
	return &checkpoints{states: states, base: cache.Map(map[string]cache.Value{"ingredients": ingredients, "call": call})}, nil
}

// key is the key of a checkpoint.
func (c *checkpoints) key(number int) cache.Key { return c.describe(number).Key(resumeDomain) }

// openCheckpoints finds the newest checkpoint whose content the store holds.
func openCheckpoints(ctx context.Context, spec Spec, in pipeline.Inputs, states pipeline.States) (*checkpoints, error) {
	c, err := newCheckpoints(spec, in, states)
	if err != nil {
		return nil, err
	}
	for from := 1; ; from += lookupBatch {
		keys := make([]cache.Key, lookupBatch)
		for i := range keys {
			keys[i] = c.key(from + i)
		}
		found, err := states.Find(ctx, keys...)
		if err != nil {
			return nil, err
		}
		for i, f := range found {
			if f.OK && len(f.Absent) == 0 {
				c.last, c.entry = from+i, *f.Entry
			}
		}
		if !found[lookupBatch-1].OK {
			return c, nil
		}
	}
}

// call is what of the spec decides how the program runs, beside its ingredients.
func (s Spec) call() any {
	return struct {
		Argv         []string
		Parameters   map[string]addr.Level
		Outputs, Env []string
		Version      string
		Flags        string   `json:",omitempty"`
		Metrics      *Metrics `json:",omitempty"`
	}{s.Argv, s.Parameters, s.Outputs, s.Env, s.Version, s.Flags, s.Metrics}
}

// describe returns what the key of a checkpoint is the hash of.
func (c *checkpoints) describe(n int) cache.Value {
	return cache.Map(map[string]cache.Value{"of": c.base, "number": cache.Int(int64(n))})
}

// keep stores the committed checkpoint with the metrics so far, which convert brings up
// to date. A checkpoint that the program replaces meanwhile is left for the next call.
func (c *checkpoints) keep(ctx context.Context, s Scratch, convert func() error) error {
	commit, seen, err := readCommit(s)
	if err == nil {
		err = convert() // later than the commit, so that no row of it is missing
	}
	if err != nil {
		return err
	}
	n := c.last + 1
	what := c.describe(n)
	key := what.Key(resumeDomain)
	entry, err := c.states.Keep(ctx, key, what, pipeline.Piece{
		Name: checkpointName, MediaType: "application/x-tar", Write: func(w io.Writer) error { return packUnchanged(w, s, commit, seen, key) },
	})
	if err != nil {
		return err
	}
	before := c.entry
	c.last, c.entry = n, entry
	return c.drop(ctx, before, entry)
}

// packUnchanged packs a checkpoint and checks that the program has committed no other
// afterwards: it may have written two, of which the second has the name of this one.
func packUnchanged(w io.Writer, s Scratch, commit string, seen os.FileInfo, key cache.Key) error {
	if err := pack(w, s, commit, key); err != nil {
		return fmt.Errorf("reading the program's checkpoint: %w", err)
	}
	if name, now, err := readCommit(s); err != nil || name != commit || !sameCommit(seen, now) {
		return fmt.Errorf("the program replaced %s while it was being read", commit)
	}
	return nil
}

// finish drops the last checkpoint: the result exists.
func (c *checkpoints) finish(ctx context.Context) error {
	return c.drop(ctx, c.entry, cache.Entry{})
}

// drop drops the content of a checkpoint that another one replaced.
func (c *checkpoints) drop(ctx context.Context, old, now cache.Entry) error {
	a, ok := old.Artifact(checkpointName)
	if b, _ := now.Artifact(checkpointName); !ok || a.Digest == b.Digest {
		return nil
	}
	return c.states.Drop(ctx, a.Digest)
}

// restore unpacks the newest checkpoint and its metrics into a folder.
func (c *checkpoints) restore(ctx context.Context, s Scratch) error {
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

// readCommit returns the name in the file COMMIT, and which file that is.
func readCommit(s Scratch) (name string, file os.FileInfo, err error) {
	const longest = 4096
	f, err := fsys.OpenRegular(s.path(resumeFolder, commitFile))
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	file, err = f.Stat()
	raw, readErr := io.ReadAll(io.LimitReader(f, longest+1))
	if err := cmp.Or(err, readErr); err != nil {
		return "", nil, err
	}
	if len(raw) > longest {
		return "", nil, errors.New(commitFile + " is too long to be the name of a checkpoint")
	}
	name = strings.TrimSpace(string(raw))
	if !filepath.IsLocal(name) || name == commitFile {
		return "", nil, fmt.Errorf("%s holds %q, which is not the name of a checkpoint in the folder %s", commitFile, name, resumeFolder)
	}
	return name, file, nil
}
