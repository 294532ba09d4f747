package cache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/afero"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// elsewhere is a shared folder as another machine sees it: without locks, and it can
// be disconnected.
type elsewhere struct {
	fsys.FS
	cut atomic.Bool
}

var errCut = errors.New("the network is gone")

func (e *elsewhere) TryLock(name string) (func() error, bool, error) {
	if filepath.Base(name) == "index" { // files in memory do not support two writers
		return e.FS.TryLock(name)
	}
	return nil, false, errors.ErrUnsupported
}

func (e *elsewhere) Open(name string) (afero.File, error) {
	if e.cut.Load() {
		return nil, errCut
	}
	return e.FS.Open(name)
}

func (e *elsewhere) OpenFile(name string, flag int, mode os.FileMode) (afero.File, error) {
	if e.cut.Load() {
		return nil, errCut
	}
	return e.FS.OpenFile(name, flag, mode)
}

const period = 5 * time.Second // of leases by default

// waitFor polls a lock as a run does, and returns how long it took.
func waitFor(t *testing.T, s *cache.Local, k cache.Key, most time.Duration) (took time.Duration, unlock func() error) {
	t.Helper()
	for start := time.Now(); time.Since(start) < most; time.Sleep(300 * time.Millisecond) {
		unlock, ok, err := s.TryLock(k)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return time.Since(start), unlock
		}
	}
	return most, nil
}

func TestALeaseIsTakenOverOnlyWhenItStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, k := fsys.NewMemory(), cachetest.Key("k")
		here, there := &elsewhere{FS: shared}, &elsewhere{FS: shared}
		a, b := open(t, here, "/store"), open(t, there, "/store")
		unlockA, ok, err := a.TryLock(k)
		if !ok || err != nil {
			t.Fatalf("TryLock = %v, %v", ok, err)
		}
		if _, unlock := waitFor(t, b, k, time.Hour); unlock != nil {
			t.Fatal("a lease whose holder is alive was taken over")
		}
		if !b.Locked(k) {
			t.Error("the key does not seem locked")
		}
		here.cut.Store(true) // a is disconnected and continues to work
		took, unlockB := waitFor(t, b, k, time.Hour)
		if unlockB == nil || took < 2*period || took > 5*period {
			t.Fatalf("taken over after %v, want about three periods", took)
		}
		select {
		case <-a.Lost(k):
			t.Fatal("a holder that sees nothing believes its lease lost")
		default:
		}
		here.cut.Store(false)
		back := time.Now()
		<-a.Lost(k)
		if late := time.Since(back); late > 2*period {
			t.Errorf("the loss was noticed after %v, want at most two periods", late)
		}
		if err := unlockA(); err != nil { // does not affect the new holder
			t.Error(err)
		}
		if _, ok, _ := a.TryLock(k); ok {
			t.Error("a lost lease is taken back from its living holder")
		}
		if err := unlockB(); err != nil {
			t.Error(err)
		}
		unlock, ok, err := a.TryLock(k)
		if !ok || err != nil {
			t.Fatalf("after the release: TryLock = %v, %v", ok, err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	})
}

// Two machines share a folder without locks. Each key is computed once, although one
// of them stops for good in between.
func TestTwoMachinesComputeEachKeyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := fsys.NewMemory()
		const keys = 20
		var mu sync.Mutex
		runs := make(map[string]int)
		work := func(s *cache.Local, f *elsewhere, dies bool) {
			for left := keys; left > 0; {
				left = 0
				for i := range keys {
					name := fmt.Sprint(i)
					k := cachetest.Key(name)
					found, err := s.Lookup(context.Background(), k)
					if err != nil {
						t.Error(err)
						return
					}
					if found[0].OK {
						continue
					}
					left++
					unlock, ok, err := s.TryLock(k)
					if err != nil {
						t.Error(err)
						return
					}
					if !ok {
						continue
					}
					if found, _ := s.Lookup(context.Background(), k); found[0].OK {
						unlock()
						continue
					}
					time.Sleep(time.Minute) // much longer than a lease outlives its holder
					if dies && i == keys/2 {
						f.cut.Store(true)
						return
					}
					mu.Lock()
					runs[name]++
					mu.Unlock()
					d, err := cachetest.TryPut(s, name)
					if err == nil {
						_, err = s.Publish(context.Background(), cachetest.Entry(k, d, len(name)))
					}
					if err := errors.Join(err, unlock()); err != nil {
						t.Error(err)
						return
					}
				}
				time.Sleep(300 * time.Millisecond)
			}
		}
		var machines sync.WaitGroup
		var stores []*cache.Local
		for i := range 2 {
			f := &elsewhere{FS: shared}
			s := open(t, f, "/store")
			stores = append(stores, s)
			machines.Go(func() { work(s, f, i == 0) })
		}
		machines.Wait()
		for i := range keys {
			if n := runs[fmt.Sprint(i)]; n != 1 {
				t.Errorf("key %d was computed %d times", i, n)
			}
		}
		stores[0].Forget(cachetest.Key(fmt.Sprint(keys / 2))) // it would beat forever
	})
}

// With real processes: kill -9 of the holder frees its keys after three periods,
// without unlocking by hand.
func TestALeaseOutlivesItsProcessForThreePeriods(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGKILL")
	}
	dir := t.TempDir()
	s := open(t, &elsewhere{FS: fsys.NewOS()}, dir)
	s.SetLeasePeriod(processPeriod)
	c := process(t, "lease", dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "true") {
		t.Fatalf("the other process got %q, %v", line, err)
	}
	k := cachetest.Key("k")
	if _, ok, err := s.TryLock(k); ok || err != nil {
		t.Errorf("TryLock beside a living holder = %v, %v", ok, err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	took, unlock := waitFor(t, s, k, time.Minute)
	if unlock == nil || took < 2*processPeriod {
		t.Fatalf("taken over after %v, want about three periods of %v", took, processPeriod)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// processPeriod is short for a test and long for a scheduler.
const processPeriod = 500 * time.Millisecond

// A garbage collection without a grace period leaves leases whose holders may be alive.
func TestCollectKeepsLeases(t *testing.T) {
	t.Run("with locks", func(t *testing.T) { testCollectKeepsLeases(t, fsys.NewOS()) })
	t.Run("without locks", func(t *testing.T) { testCollectKeepsLeases(t, &elsewhere{FS: fsys.NewOS()}) })
}

func testCollectKeepsLeases(t *testing.T, disk fsys.FS) {
	dir := t.TempDir()
	s := open(t, disk, dir)
	k, killed, elsewhere, gone := cachetest.Key("k"), cachetest.Key("killed"), cachetest.Key("elsewhere"), cachetest.Key("gone")
	unlock, ok, err := s.TryLock(k)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	name := func(k cache.Key) string { return filepath.Join(dir, "leases", k.String()+".1") }
	mine, err := os.ReadFile(name(k))
	hoursAgo := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(err, os.WriteFile(name(killed), mine, 0o644), os.WriteFile(name(elsewhere), []byte("other#1 000000000000\n"), 0o644),
		os.WriteFile(name(gone), []byte("other#2 000000000000\n"), 0o644), os.Chtimes(name(gone), hoursAgo, hoursAgo), os.Chtimes(name(killed), hoursAgo, hoursAgo)); err != nil {
		t.Fatal(err)
	}
	c, err := open(t, disk, dir).Collect(t.Context(), cache.CollectOptions{Budget: -1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[cache.Key]bool{k: true, killed: false, elsewhere: true, gone: false} {
		if _, err := os.Stat(name(k)); (err == nil) != want {
			t.Errorf("the lease of %s remains: %v, want %v", k, err == nil, want)
		}
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}
