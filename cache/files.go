package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// openFile opens a regular file for reading. A FIFO would block, and a device
// may never end.
func (s *Local) openFile(path string) (afero.File, error) {
	info, err := s.fs.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errIrregular}
	}
	return s.fs.Open(path)
}

// readFile reads a whole regular file.
func (s *Local) readFile(path string) ([]byte, error) {
	f, err := s.openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxDocument {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	return io.ReadAll(io.LimitReader(f, maxDocument))
}

// readNames lists a folder. One that does not exist is fs.ErrNotExist.
func (s *Local) readNames(dir string) ([]string, error) {
	info, err := s.fs.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: errNoFolder}
	}
	d, err := s.fs.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// maxDocument bounds files of the store that are read whole: entries, roots,
// pins, tombstones. The largest are roots, with 65 bytes a key.
const maxDocument = 256 << 20

// tempFile creates a temporary file. Clean-up jobs delete empty folders, and
// copies may lack them.
func (s *Local) tempFile(pattern string) (afero.File, error) {
	f, err := afero.TempFile(s.fs, s.path("tmp"), pattern)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.makeFolder(s.path("tmp")); err == nil {
			f, err = afero.TempFile(s.fs, s.path("tmp"), pattern)
		}
	}
	return f, err
}

// createFile creates a durable file. The name must be free.
func (s *Local) createFile(name string, content []byte) error {
	return s.writeAs(name, content, 0o444, s.hardLink)
}

// writeFile replaces a file durably, or whatever else has its name.
func (s *Local) writeFile(name string, content []byte) error {
	return s.writeAs(name, content, 0o644, s.fs.Rename)
}

// writeAs writes a temporary file, to which place gives its final name. What a crash
// leaves is in the folder for temporary files, where garbage collection finds it.
func (s *Local) writeAs(name string, content []byte, mode fs.FileMode, place func(tmp, name string) error) error {
	tmp, err := s.tempFile("file-*")
	if err != nil {
		return err
	}
	defer s.fs.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return s.putInPlace(tmp.Name(), name, mode, place)
}

// putInPlace has place give a finished temporary file its final name, durably. What is
// there and cannot be a file of the store is moved aside.
func (s *Local) putInPlace(tmp, name string, mode fs.FileMode, place func(tmp, name string) error) error {
	dir := filepath.Dir(name)
	if err := s.makeFolder(dir); err != nil {
		return err
	}
	if err := s.fs.Chmod(tmp, mode); err != nil {
		return err
	}
	err := place(tmp, name)
	if err != nil && s.irregular(name) {
		s.quarantine(name, "")
		err = place(tmp, name)
	}
	if err != nil {
		return err
	}
	return s.fs.SyncDir(dir)
}

// hardLink gives a file a second name, which must be free. The error of a file system without
// hard links hides its cause, which looks like a lack of permission.
func (s *Local) hardLink(file, name string) error {
	err := s.fs.Link(file, name)
	if fsys.NoLinks(err) {
		return fmt.Errorf("the file system of %s has no hard links, which a store needs: choose another folder with ABLATE_CACHE_DIR (%v)", s.dir, err)
	}
	return err
}

// irregular reports whether a name holds what no file of the store can be.
func (s *Local) irregular(name string) bool {
	info, err := s.fs.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// errUnfit is wrapped by errors that say that no file of the store can be like
// this one, which therefore is damaged. Other errors of reading may pass.
var errUnfit = errors.New("damaged")

var (
	errIrregular = fmt.Errorf("%w: not a regular file", errUnfit)
	errTooLarge  = fmt.Errorf("%w: larger than any such file", errUnfit)
	errNoFolder  = errors.New("not a folder")
)

// isReadError reports whether a file of the store could not be read, which says
// nothing about what it holds: a network file system may fail for a moment.
func isReadError(err error) bool {
	var path *fs.PathError
	var code syscall.Errno
	return (errors.As(err, &path) || errors.As(err, &code)) && !errors.Is(err, errUnfit)
}

// isAbsent reports whether an error says that a name certainly does not exist. After
// any other error it may.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, errNoFolder)
}

// unwritable reports whether a write failed because the store takes none at
// present. What only saves work may then be left undone.
func unwritable(err error) bool {
	for _, e := range []error{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, fs.ErrPermission} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unread adds what to do to an error of reading that may not pass.
func unread(err error) error {
	switch {
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: try again; if the error persists, remove the file, so that it is fetched or computed again", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: make it readable, or choose another store with ABLATE_CACHE_DIR", err)
	}
	return err
}

// advise adds what to do to errors that only the user can resolve.
func advise(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: free some space, or move the store with ABLATE_CACHE_DIR", err)
	case errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: make the folder writable, or choose another with ABLATE_CACHE_DIR", err)
	}
	return err
}
