package cache_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// Setting the wall clock during actions breaks no lease, delays no takeover, and
// makes no young file old enough to be collected.
func TestClocksJump(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testClockJump(t, jump) })
		})
	}
}

func testClockJump(t *testing.T, jump time.Duration) {
	ctx := context.Background()
	clock := &cachetest.Clock{FS: fsys.NewMemory()}
	here, there := &elsewhere{FS: clock}, &elsewhere{FS: clock}
	a, b := open(t, here, "/store"), open(t, there, "/store")
	k := cachetest.Key("k")
	unlockA, ok, err := a.TryLock(k)
	if !ok || err != nil {
		t.Fatalf("TryLock = %v, %v", ok, err)
	}
	begun, err := a.Create(ctx, "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(begun, "still being written")
	young := cachetest.Put(t, a, "no entry names it yet")
	if _, unlock := waitFor(t, b, k, time.Minute); unlock != nil {
		t.Fatal("the lease was taken over before the clock jumped")
	}
	clock.Jump(jump)

	// Collecting garbage now removes nothing that is in progress.
	c, err := b.Collect(ctx, cache.CollectOptions{Budget: 0, Grace: 24 * time.Hour, Now: clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(ctx); err != nil || len(c.Items) > 0 {
		t.Errorf("collected %+v, %v", c.Items, err)
	}
	if got, err := cache.ReadAll(ctx, b, young); err != nil || string(got) != "no entry names it yet" {
		t.Errorf("a young blob reads %q, %v", got, err)
	}
	if d, _, err := begun.Commit(); err != nil || d != cache.DigestOf([]byte("still being written")) {
		t.Errorf("a blob that was being written: %v", err)
	}

	// The lease holds while its holder lives, and ends after three periods without a beat.
	if _, unlock := waitFor(t, b, k, 2*time.Hour); unlock != nil {
		t.Fatal("a living lease was taken over")
	}
	select {
	case <-a.Lost(k):
		t.Fatal("the holder believes its lease lost")
	default:
	}
	here.cut.Store(true)
	clock.Jump(-2 * jump)
	took, unlockB := waitFor(t, b, k, 2*time.Hour)
	if unlockB == nil || took < 2*period || took > 5*period {
		t.Fatalf("taken over after %v, want about three periods", took)
	}
	here.cut.Store(false)
	if err := unlockB(); err != nil {
		t.Error(err)
	}
	if err := unlockA(); err != nil {
		t.Error(err)
	}
}
