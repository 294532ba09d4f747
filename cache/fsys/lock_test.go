//go:build unix

package fsys_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ablate/cache/fsys"
)

// A signal may interrupt taking a lock on a network file system.
func TestLockInterrupted(t *testing.T) {
	const name = "ABLATE_TEST_LOCK"
	if file := os.Getenv(name); file != "" {
		if _, ok, err := fsys.NewOS().TryLock(file); !ok || err != nil {
			t.Fatal(ok, err)
		}
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace, which interrupts the call, is not installed")
	}
	c := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-e", "inject=flock:error=EINTR:when=1", os.Args[0], "-test.run=^TestLockInterrupted$")
	c.Env = append(os.Environ(), name+"="+filepath.Join(t.TempDir(), "lock"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
