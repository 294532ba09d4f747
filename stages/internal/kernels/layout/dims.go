package layout

import "slices"

// Extent returns the number of elements that dims enumerate.
func Extent(dims []Dim) int {
	n := 1
	for _, d := range dims {
		n *= d.Extent
	}
	return n
}

// Merge concatenates lists of dims and joins neighbours that are evenly spaced
// as one.
func Merge(lists ...[]Dim) []Dim {
	var out []Dim
	for _, d := range slices.Concat(lists...) {
		if k := len(out) - 1; k >= 0 && out[k].Stride == d.Stride*d.Extent {
			out[k] = Dim{out[k].Extent * d.Extent, d.Stride}
			continue
		}
		out = append(out, d)
	}
	return out
}

// Irregular is the stride of elements that are not evenly spaced.
const Irregular = -1

// Stride returns the distance between consecutive elements of merged dims, or
// Irregular.
func Stride(dims []Dim) int {
	switch len(dims) {
	case 0:
		return 0
	case 1:
		return dims[0].Stride
	}
	return Irregular
}

// Repeats reports whether dims enumerate one element again and again.
func Repeats(dims []Dim) bool {
	return !slices.ContainsFunc(dims, func(d Dim) bool { return d.Stride != 0 })
}

// Offset returns the position of element i of dims.
func Offset(dims []Dim, i int) int {
	at := 0
	for k := len(dims) - 1; k > 0; k-- {
		at += i % dims[k].Extent * dims[k].Stride
		i /= dims[k].Extent
	}
	if len(dims) > 0 {
		at += i * dims[0].Stride
	}
	return at
}

// Runs calls f for each evenly spaced run of the elements first, first+1, …,
// first+n-1 of dims: the index of the run's first element relative to first, its
// position, the number of elements, and their stride.
func Runs(dims []Dim, first, n int, f func(i, offset, count, stride int)) {
	if len(dims) == 0 {
		f(0, 0, n, 0)
		return
	}
	last := dims[len(dims)-1]
	for i := 0; i < n; {
		count := min(n-i, last.Extent-(first+i)%last.Extent)
		f(i, Offset(dims, first+i), count, last.Stride)
		i += count
	}
}

// Align splits lists of dims that enumerate the same number of elements into
// common loops: extents[i] is the extent of loop i, outermost first, and
// strides[i][k] the stride of list k in it. It reports false where the lists have
// no common loops.
func Align(lists ...[]Dim) (extents []int, strides [][]int, ok bool) {
	rest := make([][]Dim, len(lists))
	for k, l := range lists {
		rest[k] = Merge(l)
	}
	for {
		extent := shortestInner(rest)
		if extent == 0 {
			slices.Reverse(extents)
			slices.Reverse(strides)
			return extents, strides, true
		}
		loop := make([]int, len(lists))
		for k, l := range rest {
			if len(l) == 0 || l[len(l)-1].Extent%extent != 0 {
				return nil, nil, false
			}
			last := &l[len(l)-1]
			loop[k] = last.Stride
			if last.Extent == extent {
				rest[k] = l[:len(l)-1]
			} else {
				*last = Dim{last.Extent / extent, last.Stride * extent}
			}
		}
		extents, strides = append(extents, extent), append(strides, loop)
	}
}

// shortestInner returns the smallest extent of the innermost dims, or 0 where all
// lists are empty.
func shortestInner(lists [][]Dim) int {
	least := 0
	for _, l := range lists {
		if len(l) > 0 && (least == 0 || l[len(l)-1].Extent < least) {
			least = l[len(l)-1].Extent
		}
	}
	return least
}
