package pipeline

import (
	"sync"
	"sync/atomic"
	"testing"

	"ablate/cache"
)

// TestSharedComputesOnce asks for values from many goroutines. Each is computed once,
// and may need another.
func TestSharedComputesOnce(t *testing.T) {
	type outer struct{ n int }
	type shared struct {
		once sync.Once
		v    cache.Value
	}
	var s Shared
	var computed atomic.Int64
	value := func(n int) cache.Value {
		v, err := s.Value(outer{n}, func() (cache.Value, error) {
			one := ShareOf[shared](&s, n)
			one.once.Do(func() {
				computed.Add(1)
				one.v = cache.Int(int64(n))
			})
			return one.v, nil
		})
		if err != nil {
			t.Error(err)
		}
		return v
	}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			if got, want := value(i%4), cache.Int(int64(i%4)); got.Key("test") != want.Key("test") {
				t.Errorf("value %d is that of another key", i%4)
			}
		})
	}
	all.Wait()
	if n := computed.Load(); n != 4 {
		t.Errorf("%d values were computed, want 4", n)
	}
}
