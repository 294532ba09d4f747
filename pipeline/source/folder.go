// Package source reads the files that a study names: those of its folder, and those
// on other machines that its lock file pins (https, hf, s3).
package source

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/pipeline/unpack"
)

// DigestCache caches digests of files under the result of stat.
type DigestCache interface {
	Digest(path, variant string, compute func() (cache.Digest, int64, error)) (cache.Digest, int64, error)
}

// Folder reads the user's files relative to a study's folder.
type Folder struct {
	Dir   string
	Cache DigestCache // nil digests every time
}

// Digest implements Sources.
func (s Folder) Digest(path string) (cache.Digest, int64, error) {
	full := s.resolve(path)
	compute := func() (cache.Digest, int64, error) {
		r, err := s.Open(full)
		if err != nil {
			return cache.Digest{}, 0, err
		}
		defer r.Close()
		h := cache.NewDigester()
		n, err := io.Copy(h, r)
		if err != nil {
			return cache.Digest{}, 0, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		return h.Digest(), n, nil
	}
	if s.Cache == nil {
		return compute()
	}
	return s.Cache.Digest(full, "decompressed", compute)
}

// Open implements Sources.
func (s Folder) Open(path string) (io.ReadCloser, error) {
	f, err := fsys.OpenRegular(s.resolve(path))
	if err != nil {
		return nil, err
	}
	r, err := decompress(f, path)
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return r, nil
}

func (s Folder) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.Dir, path)
}

// decompress reads a file whose name says that it is compressed as what it holds.
func decompress(f io.ReadCloser, name string) (io.ReadCloser, error) {
	r, err := unpacked(f, name)
	if err != nil {
		return nil, err
	}
	return sourceReader{r, func() error { return errors.Join(r.Close(), f.Close()) }}, nil
}

// unpacked reads a stream decompressed if its name ends in .gz or .zst. Closing
// the result does not close the stream.
func unpacked(r io.Reader, name string) (io.ReadCloser, error) {
	switch filepath.Ext(name) {
	case ".gz", ".zst":
		return unpack.Named(r)
	}
	return io.NopCloser(r), nil
}

type sourceReader struct {
	io.Reader
	close func() error
}

func (r sourceReader) Close() error { return r.close() }
