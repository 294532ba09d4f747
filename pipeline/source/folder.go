// Package source reads what a study's data stages name: files of its folder, and
// files on other machines that its lock pins: https, hf, s3.
package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/pipeline/unpack"
)

// DigestCache remembers digests of files by what stat says of them.
type DigestCache interface {
	Digest(path, variant string, compute func() (cache.Digest, int64, error)) (cache.Digest, int64, error)
}

// FolderSources reads the user's files relative to a study's folder.
type Folder struct {
	Dir   string
	Cache DigestCache // nil digests every time
}

// Expand implements Sources. Hidden files and folders inside a named folder
// are left out; a hidden file that is named is taken.
func (s Folder) Expand(pattern string) ([]string, error) {
	full := s.resolve(pattern)
	info, err := os.Stat(full)
	switch {
	case err == nil && info.IsDir():
		return filesBelow(full)
	case err == nil && info.Mode().IsRegular():
		return []string{full}, nil
	case err == nil:
		return nil, errors.New("it is a pipe or a device, and files are read more than once")
	case !os.IsNotExist(err):
		return nil, err
	}
	return glob(full)
}

func glob(pattern string) ([]string, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("bad pattern %q: %w", pattern, err)
	}
	var out []string
	for _, m := range matches {
		info, err := os.Stat(m)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if info.Mode().IsRegular() {
				out = append(out, m)
			}
			continue
		}
		files, err := filesBelow(m)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func filesBelow(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != dir
		switch {
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || d.IsDir():
			return nil
		}
		info, err := os.Stat(path) // follows links
		if err == nil && info.Mode().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	slices.Sort(out)
	return out, err
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
			return cache.Digest{}, 0, fmt.Errorf("reading %s: %w", path, err)
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
	f, err := os.Open(s.resolve(path))
	if err != nil {
		return nil, err
	}
	r, err := decompress(f, path)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
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
	default:
		return io.NopCloser(r), nil
	}
	content, packed, err := unpack.Reader(r)
	if err == nil && !packed {
		err = errors.New("its name says that it is compressed, but it is neither gzip nor zstd")
	}
	return content, err
}

type sourceReader struct {
	io.Reader
	close func() error
}

func (r sourceReader) Close() error { return r.close() }
