package action

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/readahead"

	"ablate/cache"
	"ablate/pipeline"
)

// plannedSources are the sources of one action. They remember which files
// Describe found and their digests, which the key holds. Run then sees the same
// files, and reading one to its end gives the planned content or an error:
// a file that is edited while a large neighbour is copied cannot be published
// under the old key.
type plannedSources struct {
	of pipeline.Sources

	mu       sync.Mutex
	expanded map[string][]string
	digests  map[string]plannedFile
}

type plannedFile struct {
	digest cache.Digest
	size   int64
}

// newPlannedSources wraps sources, which may be those of an earlier description.
func newPlannedSources(s pipeline.Sources) pipeline.Sources {
	if earlier, ok := s.(*plannedSources); ok {
		s = earlier.of
	}
	if s == nil {
		return nil
	}
	return &plannedSources{of: s}
}

// Expand implements pipeline.Sources.
func (p *plannedSources) Expand(pattern string, exclude ...string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := strings.Join(append([]string{pattern}, exclude...), "\x00")
	if found, ok := p.expanded[asked]; ok {
		return found, nil
	}
	found, err := p.of.Expand(pattern, exclude...)
	if err != nil {
		return nil, err
	}
	if p.expanded == nil {
		p.expanded = make(map[string][]string)
	}
	p.expanded[asked] = found
	return found, nil
}

// Digest implements pipeline.Sources.
func (p *plannedSources) Digest(path string) (cache.Digest, int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.digests[path]; ok {
		return f.digest, f.size, nil
	}
	digest, size, err := p.of.Digest(path)
	if err != nil {
		return cache.Digest{}, 0, err
	}
	if p.digests == nil {
		p.digests = make(map[string]plannedFile)
	}
	p.digests[path] = plannedFile{digest, size}
	return digest, size, nil
}

// Open implements pipeline.Sources. A file that Describe did not digest is not in
// the key, so it cannot be read.
func (p *plannedSources) Open(path string) (io.ReadCloser, error) {
	p.mu.Lock()
	f, ok := p.digests[path]
	p.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%s is not part of the key, so it cannot be read", path)
	}
	r, err := p.of.Open(path)
	if err != nil {
		return nil, err
	}
	planned := &plannedReader{ReadCloser: r, digester: cache.NewDigester(), path: path, want: f}
	if f.size < largeSource {
		return planned, nil
	}
	return readahead.NewReadCloser(planned), nil // hashes while the stage works
}

// largeSource is the size from which a source is read and hashed by a goroutine of
// its own, in bytes. Its buffers take four megabytes.
const largeSource = 16 << 20

// plannedReader reads a file and reports at its end whether the content is the
// planned one.
type plannedReader struct {
	io.ReadCloser
	digester cache.Digester
	path     string
	want     plannedFile
	read     int64
}

// Read implements io.Reader.
func (r *plannedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.digester.Write(b[:n])
	r.read += int64(n)
	end := errors.Is(err, io.EOF)
	if err != nil && !end {
		return n, err
	}
	if r.read > r.want.size || end && (r.read < r.want.size || r.digester.Digest() != r.want.digest) {
		return n, fmt.Errorf("%s changed since the run was planned: run again", r.path)
	}
	return n, err
}
