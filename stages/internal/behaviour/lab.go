package behaviour

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"sync"

	"ablate/cache"
	"ablate/pipeline"
)

// Lab is a store and a folder in memory, in which scenes run stages. It has no
// clock and no machine, and what runs in it leads to no key.
type Lab struct {
	files files
	kept  keeper

	mu    sync.Mutex // guards blobs: a trial keeps states beside its steps
	blobs map[cache.Digest][]byte
}

// NewLab opens an empty store beside a folder of files by name.
func NewLab(folder map[string][]byte) *Lab {
	l := &Lab{files: folder, blobs: make(map[cache.Digest][]byte)}
	l.kept = keeper{lab: l, entries: make(map[cache.Key]cache.Entry)}
	return l
}

// Artifact stores bytes as an input's artifact.
func (l *Lab) Artifact(name string, content []byte) cache.Artifact {
	return cache.Artifact{Name: name, Digest: l.put(content), Size: int64(len(content))}
}

func (l *Lab) put(content []byte) cache.Digest {
	d := cache.DigestOf(content)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blobs[d] = bytes.Clone(content)
	return d
}

func (l *Lab) get(d cache.Digest) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.blobs[d]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", d, fs.ErrNotExist)
	}
	return b, nil
}

// Done is what a stage wrote.
type Done struct {
	Outputs map[string][]byte
	Kept    []Kept // states and observations, in the order in which they were kept
}

// Kept is one entry that a stage kept on its way.
type Kept struct {
	What   cache.Value // its description
	Names  []string
	Pieces map[string][]byte
}

// Run runs a stage's Run in the lab. Where it fails, Done is what it wrote until
// then.
func (l *Lab) Run(in pipeline.Inputs, run func(context.Context, *pipeline.Env) error) (Done, error) {
	done := Done{Outputs: make(map[string][]byte)}
	in.Memo, in.Shared, in.Sources = constantMemo{}, nil, l.files
	before := len(l.kept.order)
	err := run(context.Background(), &pipeline.Env{
		Inputs: in, Log: slog.New(slog.DiscardHandler), Threads: 1, States: &l.kept,
		Open: func(d cache.Digest) (io.ReadCloser, error) { return l.open(d) },
		Map: func(d cache.Digest) (*cache.Mapped, error) {
			b, err := l.get(d)
			return cache.MappedBytes(b), err
		},
		Create: func(name string) (io.WriteCloser, error) {
			return &output{done: func(b []byte) { done.Outputs[name] = b }}, nil
		},
		Mixed: func(string) {}, Warn: func(string) {}, Progress: func(pipeline.Progress) {},
	})
	done.Kept = l.kept.order[before:]
	return done, err
}

func (l *Lab) open(d cache.Digest) (io.ReadCloser, error) {
	b, err := l.get(d)
	return io.NopCloser(bytes.NewReader(b)), err
}

// output is an artifact in the making.
type output struct {
	bytes.Buffer
	done func([]byte)
}

// Close implements io.Closer.
func (o *output) Close() error { o.done(o.Bytes()); return nil }

// constantMemo gives one digest for everything: what a stage in the lab says about
// its own keys leads nowhere, and it must not start a rehearsal of its own.
type constantMemo struct{}

// Digest implements pipeline.Memo.
func (constantMemo) Digest(cache.Value, func() (cache.Digest, error)) (cache.Digest, error) {
	return cache.DigestOf([]byte("lab")), nil
}

// files are sources by name.
type files map[string][]byte

// Expand implements pipeline.Sources: a name, or * for all.
func (f files) Expand(pattern string, _ ...string) ([]string, error) {
	var out []string
	for name := range f {
		if pattern == "*" || pattern == name {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out, nil
}

// Digest implements pipeline.Sources.
func (f files) Digest(path string) (cache.Digest, int64, error) {
	raw, ok := f[path]
	if !ok {
		return cache.Digest{}, 0, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return cache.DigestOf(raw), int64(len(raw)), nil
}

// Open implements pipeline.Sources.
func (f files) Open(path string) (io.ReadCloser, error) {
	raw, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// StandIn is a reference to a definition that only stands for one.
func StandIn(block string) pipeline.Ref {
	return pipeline.NewRef(pipeline.Kind{Block: block, Type: "stand-in", Role: pipeline.Definition}, cache.Map(nil))
}
