package lower

import "slices"

// arena is memory that values share which are not needed at the same time.
type arena struct {
	size int
	free []extent
}

type extent struct{ at, size int }

// arenaStep is a cache line: values begin at multiples of it.
const arenaStep = 16

// wholeLines returns the numbers of the cache lines that so many numbers take.
func wholeLines(size int) int { return (size + arenaStep - 1) / arenaStep * arenaStep }

// take returns the position of so many numbers: in the smallest free extent that is large
// enough.
func (a *arena) take(size int) int {
	size = wholeLines(size)
	best := -1
	for i, e := range a.free {
		if e.size >= size && (best < 0 || e.size < a.free[best].size) {
			best = i
		}
	}
	if best < 0 {
		at := a.size
		a.size += size
		return at
	}
	at, rest := a.free[best].at, a.free[best].size-size
	a.free[best] = extent{at + size, rest}
	if rest == 0 {
		a.free = slices.Delete(a.free, best, best+1)
	}
	return at
}

// release gives numbers back.
func (a *arena) release(at, size int) {
	a.free = append(a.free, extent{at, wholeLines(size)})
	slices.SortFunc(a.free, func(x, y extent) int { return x.at - y.at })
	for i := 0; i+1 < len(a.free); {
		if next := a.free[i+1]; a.free[i].at+a.free[i].size == next.at {
			a.free[i].size += next.size
			a.free = slices.Delete(a.free, i+1, i+2)
			continue
		}
		i++
	}
}
