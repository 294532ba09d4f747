//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"ablate/cache"
)

// Fingerprints that a program computes are remembered as its own, even if another
// version has taken its place on the disk meanwhile.
func TestReplacedProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	store, program := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "ablate")
	upgrade := program + ".new"
	for path, content := range map[string][]byte{program: raw, upgrade: append(raw[:len(raw):len(raw)], "upgraded"...)} {
		if err := os.WriteFile(path, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	c := exec.Command(program, "plan", "--chdir", crashStudy(t))
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), "ABLATE_CACHE_DIR="+store), &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []func() error{
		func() error { return c.Process.Signal(syscall.SIGSTOP) },
		func() error { return os.Rename(upgrade, program) },
		func() error { return c.Process.Signal(syscall.SIGCONT) },
		c.Wait,
	} {
		if err := s(); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	memo := func(program []byte) string { return filepath.Join(store, "memo", cache.DigestOf(program).Hex()) }
	if _, err := os.Stat(memo(raw)); err != nil {
		t.Errorf("the fingerprints of the program that ran: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(memo(raw))); err != nil || len(entries) > 2 { // the other has digests of sources
		t.Errorf("fingerprints are remembered for programs that never ran: %v (%v)", entries, err)
	}
}
