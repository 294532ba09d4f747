//go:build unix

package program

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ablate/pipeline"
)

// A folder on a file system without locks is an error that says what to do, and not an
// endless loop.
func TestNoLocks(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Cleanup(func() { flock = unix.Flock })
	for _, failure := range []syscall.Errno{unix.ENOLCK, unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOSYS} {
		flock = func(int, int) error { return failure }
		_, err := NewScratch(&pipeline.Env{Warn: func(s string) { t.Errorf("warned of %q", s) }})
		if !errors.Is(err, failure) || !strings.Contains(err.Error(), tmp) || !strings.Contains(err.Error(), "TMPDIR") {
			t.Errorf("%v, want %q, the folder and TMPDIR", err, failure)
		}
	}
	if left, err := os.ReadDir(tmp); len(left) > 0 || err != nil {
		t.Errorf("%v is left, %v", left, err)
	}
}

// A lock that another process holds for a moment is waited for.
func TestLockTakenForAMoment(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Cleanup(func() { flock = unix.Flock })
	held := 3
	flock = func(fd, how int) error {
		if held--; held > 0 {
			return unix.EWOULDBLOCK
		}
		return unix.Flock(fd, how)
	}
	s, err := NewScratch(&pipeline.Env{Warn: func(s string) { t.Errorf("warned of %q", s) }})
	if err != nil {
		t.Fatal(err)
	}
	s.Remove()
}
