package cachetest

import (
	"os"
	"strings"
	"sync"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Faulty is a file system that fails or crashes at one of the operations that
// change something.
type Faulty struct {
	fsys.FS
	At    int        // the operation that fails, from 1
	Err   error      // what it fails with
	Crash bool       // all later operations fail as well
	Next  func() int // numbers the operations of several processes; nil counts those of this one
	Kill  func()     // ends the process instead

	mu    sync.Mutex
	count int
}

// Count is the number of operations so far.
func (f *Faulty) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// hit counts an operation and returns how it fails. torn makes what a failure
// leaves behind.
func (f *Faulty) hit(torn func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.Next != nil {
		f.count = f.Next()
	}
	if f.count != f.At && !(f.Crash && f.count > f.At) {
		return nil
	}
	if torn != nil {
		torn()
	}
	if f.Kill != nil {
		f.Kill()
	}
	return f.Err
}

// Link implements fsys.FS.
func (f *Faulty) Link(a, b string) error {
	if err := f.hit(nil); err != nil {
		return err
	}
	return f.FS.Link(a, b)
}

// SyncDir implements fsys.FS.
func (f *Faulty) SyncDir(name string) error {
	if err := f.hit(nil); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

// MkdirAll implements afero.Fs.
func (f *Faulty) MkdirAll(name string, mode os.FileMode) error {
	if err := f.hit(nil); err != nil {
		return err
	}
	return f.FS.MkdirAll(name, mode)
}

// Rename implements afero.Fs.
func (f *Faulty) Rename(a, b string) error {
	if err := f.hit(nil); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

// Remove implements afero.Fs.
func (f *Faulty) Remove(name string) error {
	if err := f.hit(nil); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// Chmod implements afero.Fs.
func (f *Faulty) Chmod(name string, mode os.FileMode) error {
	if err := f.hit(nil); err != nil {
		return err
	}
	return f.FS.Chmod(name, mode)
}

// OpenFile implements afero.Fs.
func (f *Faulty) OpenFile(name string, flag int, mode os.FileMode) (afero.File, error) {
	if err := f.hit(nil); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

type faultyFile struct {
	afero.File
	f *Faulty
}

// Write writes half of the bytes when it fails.
func (w *faultyFile) Write(p []byte) (n int, err error) {
	if err := w.f.hit(func() { n, _ = w.File.Write(p[:len(p)/2]) }); err != nil {
		return n, err
	}
	return w.File.Write(p)
}

// WriteString implements afero.File.
func (w *faultyFile) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Sync implements afero.File.
func (w *faultyFile) Sync() error {
	if err := w.f.hit(nil); err != nil {
		return err
	}
	return w.File.Sync()
}

// Unreadable is a file system on which reading fails while Err is set, as on a
// network that is down or a disk with bad sectors.
type Unreadable struct {
	fsys.FS
	Err   error
	Stats bool   // fail, too
	Only  string // the folder below which it does; "" is everywhere
}

// Open implements afero.Fs.
func (u *Unreadable) Open(name string) (afero.File, error) {
	f, err := u.FS.Open(name)
	if err != nil || !u.fails(name) {
		return f, err
	}
	return &unreadableFile{f, &os.PathError{Op: "read", Path: name, Err: u.Err}, false}, nil
}

// Stat implements afero.Fs.
func (u *Unreadable) Stat(name string) (os.FileInfo, error) {
	if u.Stats && u.fails(name) {
		return nil, &os.PathError{Op: "stat", Path: name, Err: u.Err}
	}
	return u.FS.Stat(name)
}

func (u *Unreadable) fails(name string) bool { return u.Err != nil && strings.HasPrefix(name, u.Only) }

type unreadableFile struct {
	afero.File
	err   error
	began bool
}

// Read implements io.Reader. It fails after the first byte.
func (f *unreadableFile) Read(p []byte) (int, error) {
	if f.began {
		return 0, f.err
	}
	f.began = true
	return f.File.Read(p[:min(1, len(p))])
}

// ReadAt implements io.ReaderAt.
func (f *unreadableFile) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// Readdirnames implements afero.File.
func (f *unreadableFile) Readdirnames(int) ([]string, error) { return nil, f.err }
