package program

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ablate/cache"
	"ablate/cache/fsys"
)

// pack writes a checkpoint, the COMMIT file and the metrics so far as one tar
// archive. It holds the key: with the same content as a checkpoint of another trial, it
// would be the same blob, and be gone once either of the two is dropped.
func pack(w io.Writer, s Scratch, commit string, key cache.Key) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "key", PAXRecords: map[string]string{"comment": key.String()}}); err != nil {
		return err
	}
	tops := append([]string{filepath.Join(resumeFolder, commit), filepath.Join(resumeFolder, commitFile)}, s.rowFiles()...)
	for _, top := range tops {
		err := filepath.WalkDir(s.path(top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && slices.Contains(s.rowFiles(), top):
				return nil // nothing logged yet
			case err != nil || d.IsDir():
				return err
			case !d.Type().IsRegular():
				return fmt.Errorf("%s is neither a file nor a folder; a checkpoint cannot hold links", d.Name())
			}
			return packFile(t, s, path)
		})
		if err != nil {
			return err
		}
	}
	return t.Close()
}

// packFile adds a file as it is now. Only its name and content are kept.
func packFile(t *tar.Writer, s Scratch, path string) error {
	name, err := filepath.Rel(s.Dir, path)
	if err != nil {
		return err
	}
	f, err := fsys.OpenRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if slices.Contains(s.rowFiles(), name) {
		if size, err = completeLines(f, size); err != nil {
			return err
		}
	}
	if err := t.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: size}); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, size)
	return err
}

// completeLines returns the size of a file without its last line if that has no
// end yet. It reads backwards.
func completeLines(f io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, 4096)
	for end := size; end > 0; {
		begin := max(0, end-int64(len(block)))
		part := block[:end-begin]
		if _, err := f.ReadAt(part, begin); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return begin + int64(i) + 1, nil
		}
		end = begin
	}
	return 0, nil
}

// unpack writes the files of an archive below the folder, and nowhere else.
func unpack(s Scratch, r io.Reader) error {
	root, err := os.OpenRoot(s.Dir)
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
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := unpackFile(root, filepath.FromSlash(h.Name), t); err != nil {
			return fmt.Errorf("unpacking %s of the last checkpoint: %w", h.Name, err)
		}
	}
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
