package program

import (
	"errors"
	"os"
)

// An open file cannot be removed on Windows, which is the lock.

// newLock creates a file and keeps it open.
func newLock(name string) (*scratchLock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return &scratchLock{f}, err
}

// openLock takes over an existing file, and fails while its owner lives.
func openLock(name string) (*scratchLock, error) {
	if err := os.Remove(name); err != nil {
		return nil, err
	}
	return newLock(name)
}

// remove removes the file, which ends the lock.
func (l *scratchLock) remove() error { return errors.Join(l.file.Close(), os.Remove(l.file.Name())) }

// ownFile reports whether a file belongs to this user: temporary folders are not
// shared on Windows.
func ownFile(os.FileInfo) bool { return true }
