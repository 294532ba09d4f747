package cache_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"ablate/cache"
	"ablate/cache/cachetest"
)

// Different digests are computed at the same time, and one digest once.
func TestMemoComputesConcurrently(t *testing.T) {
	memo := cachetest.Memory(t).Memo(cache.Digest{})
	var computed atomic.Int64
	var both, all sync.WaitGroup
	both.Add(2)
	for i := range 8 {
		all.Go(func() {
			want := cache.DigestOf([]byte{byte(i % 2)})
			got, err := memo.Digest(cache.Int(int64(i%2)), func() (cache.Digest, error) {
				computed.Add(1)
				both.Done()
				both.Wait()
				return want, nil
			})
			if err != nil || got != want {
				t.Errorf("Digest = %v, %v, want %v", got, err, want)
			}
		})
	}
	all.Wait()
	if n := computed.Load(); n != 2 {
		t.Errorf("%d digests were computed, want 2", n)
	}
}

// A failure is not memoized.
func TestMemoForgetsFailures(t *testing.T) {
	memo := cachetest.Memory(t).Memo(cache.Digest{})
	failed := errors.New("no memory")
	if _, err := memo.Digest(cache.Int(1), func() (cache.Digest, error) { return cache.Digest{}, failed }); !errors.Is(err, failed) {
		t.Errorf("Digest = %v, want %v", err, failed)
	}
	want := cache.DigestOf(nil)
	if got, err := memo.Digest(cache.Int(1), func() (cache.Digest, error) { return want, nil }); err != nil || got != want {
		t.Errorf("Digest = %v, %v, want %v", got, err, want)
	}
}
