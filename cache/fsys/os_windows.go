//go:build windows

package fsys

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS journals names, and folders cannot be synced.
func syncDir(string) error { return nil }

func idOf(info fs.FileInfo) ID { return ID{Size: info.Size(), MTime: info.ModTime()} }

func tryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// removeLocked keeps the file, because Windows does not remove open files.
func removeLocked(string) error { return nil }
