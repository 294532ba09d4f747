// Package fsys extends afero with what a durable store needs: hard links, which
// create a name only if it is free, syncing of folders, and locks.
package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

// FS is a file system on which a store can live.
type FS interface {
	afero.Fs
	// Link gives a file a second name. An existing name is fs.ErrExist.
	Link(oldname, newname string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// TryLock takes an exclusive lock on a file, which it creates. ok is false
	// while another process holds it. The lock ends with unlock or the process.
	TryLock(name string) (unlock func() error, ok bool, err error)
}

// OS is the machine's own file system.
type OS struct{ afero.OsFs }

// NewOS returns the machine's own file system.
func NewOS() FS { return OS{} }

// Link implements FS.
func (OS) Link(oldname, newname string) error { return os.Link(oldname, newname) }

// SyncDir implements FS.
func (OS) SyncDir(name string) error { return syncDir(name) }

// TryLock implements FS. The kernel releases the lock of a process that dies.
// unlock removes the file, so a lock on a file that lost its name is retried.
func (OS) TryLock(name string) (func() error, bool, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, false, err
		}
		ok, err := tryLock(f)
		if !ok || err != nil {
			return nil, false, errors.Join(err, f.Close())
		}
		if stillNamed(f, name) {
			return func() error { return errors.Join(removeLocked(name), f.Close()) }, true, nil
		}
		if err := f.Close(); err != nil {
			return nil, false, err
		}
	}
}

// NoLinks reports whether an error of Link says that the file system has no hard links,
// as on most memory cards.
func NoLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported)
}

func stillNamed(f *os.File, name string) bool {
	mine, err1 := f.Stat()
	there, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// ID is the stat data of a file. Together, the fields tell an edited file from an
// unchanged one.
type ID struct {
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
	CTime time.Time `json:"ctime"`
	Inode uint64    `json:"inode"`
}

// Equal reports whether the file is unchanged.
func (id ID) Equal(other ID) bool {
	return id.Size == other.Size && id.Inode == other.Inode && id.MTime.Equal(other.MTime) && id.CTime.Equal(other.CTime)
}

// StatID returns the ID of a file of the user.
func StatID(path string) (ID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return ID{}, err
	}
	return idOf(info), nil
}

// Memory is a file system for tests with the same guarantees.
type Memory struct {
	afero.Fs
	mu    sync.Mutex // makes Link and TryLock atomic
	locks map[string]bool
}

// NewMemory returns an empty file system in memory.
func NewMemory() *Memory { return &Memory{Fs: afero.NewMemMapFs(), locks: make(map[string]bool)} }

// TryLock implements FS within this process.
func (m *Memory) TryLock(name string) (func() error, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, false, nil
	}
	m.locks[name] = true
	return func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.locks, name)
		return nil
	}, true, nil
}

// Link implements FS with a copy that gets its name once it is complete. That is
// enough for a store, which never writes to a linked file.
func (m *Memory) Link(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.Stat(newname); err == nil {
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: fs.ErrExist}
	}
	b, err := afero.ReadFile(m.Fs, oldname)
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(newname), ".link-"+filepath.Base(newname))
	if err := afero.WriteFile(m.Fs, tmp, b, 0o444); err != nil {
		return err
	}
	return m.Rename(tmp, newname)
}

// SyncDir implements FS. Memory has nothing to sync.
func (m *Memory) SyncDir(string) error { return nil }

// Rewrite replaces a file of the user, whose mode stays, as do links that lead to it. A
// crash leaves the old content or the new.
func Rewrite(name string, content []byte) error {
	mode := fs.FileMode(0o644)
	target, err := filepath.EvalSymlinks(name)
	switch {
	case err == nil:
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
	case errors.Is(err, fs.ErrNotExist):
		target = name
	default:
		return err
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Chmod(tmp.Name(), mode)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), target)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", target, err), os.Remove(tmp.Name()))
	}
	return syncDir(dir)
}
