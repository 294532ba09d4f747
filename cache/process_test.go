package cache_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// TestMain lets the test binary act as another process that locks a key and waits to
// be killed, or publishes keys.
func TestMain(m *testing.M) {
	switch os.Getenv("CACHE_TEST_ROLE") {
	case "lock":
		s, err := cache.Open(fsys.NewOS(), os.Getenv("CACHE_TEST_DIR"))
		if err == nil {
			_, ok, lockErr := s.TryLock(cachetest.Key("k"))
			fmt.Println(ok, lockErr)
		}
		time.Sleep(time.Minute)
	case "lease":
		s, err := cache.Open(&elsewhere{FS: fsys.NewOS()}, os.Getenv("CACHE_TEST_DIR"))
		if err == nil {
			s.SetLeasePeriod(processPeriod)
			_, ok, lockErr := s.TryLock(cachetest.Key("k"))
			fmt.Println(ok, lockErr)
		}
		time.Sleep(time.Minute)
	case "publish":
		if err := publishMany(os.Getenv("CACHE_TEST_DIR")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func publishMany(dir string) error {
	s, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		return err
	}
	for i := range 40 {
		text := fmt.Sprintf("process %d key %d", os.Getpid(), i)
		d, err := cachetest.TryPut(s, text)
		if err != nil {
			return err
		}
		if _, err := s.Publish(context.Background(), cachetest.Entry(cachetest.Key(fmt.Sprint(i)), d, len(text))); err != nil {
			return err
		}
		if _, err := s.Lookup(context.Background(), cachetest.Key(fmt.Sprint(i))); err != nil {
			return err
		}
	}
	return nil
}

func process(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "CACHE_TEST_ROLE="+role, "CACHE_TEST_DIR="+dir)
	return c
}

func TestProcessesAgreeOnWinners(t *testing.T) {
	dir := t.TempDir()
	var all []*exec.Cmd
	for range 4 {
		c := process(t, "publish", dir)
		c.Stdout = os.Stdout
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Errorf("a process failed: %v", err)
		}
	}
	s := open(t, fsys.NewOS(), dir)
	for i := range 40 {
		found, err := s.Lookup(context.Background(), cachetest.Key(fmt.Sprint(i)))
		if err != nil || !found[0].OK || len(found[0].Absent) > 0 {
			t.Fatalf("key %d: %+v, %v", i, found, err)
		}
		got, err := cache.ReadAll(context.Background(), s, found[0].Entry.Artifacts[0].Digest)
		if err != nil || !strings.HasSuffix(string(got), fmt.Sprintf("key %d", i)) {
			t.Errorf("key %d holds %q, %v", i, got, err)
		}
	}
}

func TestALockEndsWithItsProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGKILL")
	}
	dir := t.TempDir()
	s := open(t, fsys.NewOS(), dir)
	k := cachetest.Key("k")
	c := process(t, "lock", dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := out.Read(answer); err != nil || string(answer) != "true" {
		t.Fatalf("the other process got %q, %v", answer, err)
	}
	if _, ok, err := s.TryLock(k); ok || err != nil || !s.Locked(k) {
		t.Errorf("TryLock while another process has it = %v, %v", ok, err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	unlock, ok, err := s.TryLock(k)
	if !ok || err != nil {
		t.Fatalf("TryLock after kill -9 = %v, %v, want the lock without any unlocking", ok, err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if s.Locked(k) {
		t.Error("the key is still locked")
	}
}
