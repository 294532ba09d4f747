//go:build unix

package program

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// flock is a variable for tests: few file systems have no locks.
var flock = unix.Flock

// newLock creates a file and locks it.
func newLock(name string) (*scratchLock, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		err = flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && isNamed(f, name) {
			return &scratchLock{f}, nil
		}
		f.Close()
		// Another process may have taken the new file for an abandoned one.
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			os.Remove(name)
			return nil, fmt.Errorf("files in %s cannot be locked (%w): set TMPDIR to a folder on a file system with locks, such as a local disk", filepath.Dir(name), err)
		}
	}
}

// openLock locks an existing file, and fails while its owner lives.
func openLock(name string) (*scratchLock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !isNamed(f, name) {
		return nil, errors.Join(os.ErrNotExist, f.Close())
	}
	return &scratchLock{f}, nil
}

// isNamed reports whether a name still refers to an open file.
func isNamed(f *os.File, name string) bool {
	open, err := f.Stat()
	now, nowErr := os.Lstat(name)
	return err == nil && nowErr == nil && os.SameFile(open, now)
}

// remove removes the file, which ends the lock.
func (l *scratchLock) remove() error { return errors.Join(os.Remove(l.file.Name()), l.file.Close()) }

// ownFile reports whether a file belongs to this user.
func ownFile(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
