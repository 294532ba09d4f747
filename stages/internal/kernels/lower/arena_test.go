package lower

import (
	"math/rand/v2"
	"testing"
)

// TestArena takes and releases extents at random: none overlap, and all begin at a cache
// line.
func TestArena(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a arena
	var taken []extent
	for range 2000 {
		if len(taken) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(taken))
			a.release(taken[i].at, taken[i].size)
			taken = append(taken[:i], taken[i+1:]...)
			continue
		}
		e := extent{size: 1 + r.IntN(100)}
		e.at = a.take(e.size)
		if e.at%arenaStep != 0 || e.at+e.size > a.size {
			t.Fatalf("%d numbers at %d of %d", e.size, e.at, a.size)
		}
		for _, other := range taken {
			if e.at < other.at+other.size && other.at < e.at+e.size {
				t.Fatalf("%d numbers at %d overlap %d at %d", e.size, e.at, other.size, other.at)
			}
		}
		taken = append(taken, e)
	}
	for _, e := range taken {
		a.release(e.at, e.size)
	}
	if len(a.free) != 1 || a.free[0] != (extent{0, a.size}) {
		t.Errorf("of %d numbers, %v are free after all were released", a.size, a.free)
	}
}
