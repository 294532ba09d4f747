package layout_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"ablate/stages/internal/kernels/layout"
)

// tensor is a dense tensor whose elements name their positions in a buffer.
type tensor struct {
	axes     []int
	elements []int
}

// positions enumerates a layout in row-major order.
func positions(s layout.Strided) []int {
	all := []int{s.Offset}
	for _, axis := range s.Axes {
		var next []int
		for _, at := range all {
			for i := range layout.Extent(axis) {
				next = append(next, at+layout.Offset(axis, i))
			}
		}
		all = next
	}
	return all
}

// gather returns a tensor of the given axes; source maps its coordinates to those
// of x.
func (x tensor) gather(axes []int, source func(at []int) []int) tensor {
	out := tensor{axes: axes}
	n := 1
	for _, d := range axes {
		n *= d
	}
	for i := range n {
		at, rest := make([]int, len(axes)), i
		for k := len(axes) - 1; k >= 0; k-- {
			at[k], rest = rest%axes[k], rest/axes[k]
		}
		flat := 0
		for k, j := range source(at) {
			flat = flat*x.axes[k] + j
		}
		out.elements = append(out.elements, x.elements[flat])
	}
	return out
}

// TestOperations applies random chains of operations to layouts and to dense
// tensors, and compares the elements.
func TestOperations(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		x := tensor{axes: []int{1 + r.IntN(4), 1 + r.IntN(4), 2 * (1 + r.IntN(3))}}
		n := x.axes[0] * x.axes[1] * x.axes[2]
		for i := range n {
			x.elements = append(x.elements, i)
		}
		s := layout.Contiguous(x.axes)
		for range 4 {
			var ok bool
			if s, x, ok = randomOperation(r, s, x); !ok {
				break // it needs a copy
			}
			if got := positions(s); !slices.Equal(got, x.elements) {
				t.Fatalf("seed %d: layout %+v enumerates %v, want %v", seed, s, got, x.elements)
			}
		}
	}
}

func randomOperation(r *rand.Rand, s layout.Strided, x tensor) (layout.Strided, tensor, bool) {
	switch r.IntN(4) {
	case 0:
		permutation := r.Perm(len(x.axes))
		axes := make([]int, len(x.axes))
		for i, axis := range permutation {
			axes[i] = x.axes[axis]
		}
		return s.Transpose(permutation), x.gather(axes, func(at []int) []int {
			in := make([]int, len(at))
			for i, axis := range permutation {
				in[axis] = at[i]
			}
			return in
		}), true
	case 1:
		starts, limits, strides, axes := make([]int, len(x.axes)), make([]int, len(x.axes)), make([]int, len(x.axes)), make([]int, len(x.axes))
		for i, d := range x.axes {
			starts[i] = r.IntN(d)
			limits[i] = starts[i] + 1 + r.IntN(d-starts[i])
			strides[i] = 1 + r.IntN(2)
			axes[i] = (limits[i] - starts[i] + strides[i] - 1) / strides[i]
		}
		sliced, ok := s.Slice(starts, limits, strides)
		return sliced, x.gather(axes, func(at []int) []int {
			in := make([]int, len(at))
			for i := range at {
				in[i] = starts[i] + at[i]*strides[i]
			}
			return in
		}), ok
	case 2:
		axes := append([]int{3}, x.axes...)
		positions := make([]int, len(x.axes))
		for i := range positions {
			positions[i] = i + 1
		}
		return s.Broadcast(axes, positions), x.gather(axes, func(at []int) []int { return at[1:] }), true
	}
	axes := []int{len(x.elements)}
	if len(x.elements)%2 == 0 {
		axes = []int{2, len(x.elements) / 2}
	}
	reshaped, ok := s.Reshape(axes)
	return reshaped, tensor{axes, x.elements}, ok
}

// TestAlign splits lists of dims into common loops and enumerates them again.
func TestAlign(t *testing.T) {
	a := []layout.Dim{{Extent: 4, Stride: 30}, {Extent: 6, Stride: 5}}
	b := []layout.Dim{{Extent: 2, Stride: 7}, {Extent: 12, Stride: 100}}
	extents, strides, ok := layout.Align(a, b)
	if !ok {
		t.Fatal("Align found no common loops")
	}
	for k, list := range [][]layout.Dim{a, b} {
		var loops []layout.Dim
		for i, extent := range extents {
			loops = append(loops, layout.Dim{Extent: extent, Stride: strides[i][k]})
		}
		for i := range 24 {
			if got, want := layout.Offset(loops, i), layout.Offset(list, i); got != want {
				t.Errorf("list %d: element %d is at %d, want %d", k, i, got, want)
			}
		}
	}
	if _, _, ok := layout.Align([]layout.Dim{{Extent: 4, Stride: 1}}, []layout.Dim{{Extent: 3, Stride: 1}, {Extent: 2, Stride: 9}}); ok {
		t.Error("Align found common loops of 4 and 3 by 2")
	}
}

// TestRuns enumerates a range of elements in runs.
func TestRuns(t *testing.T) {
	dims := []layout.Dim{{Extent: 3, Stride: 100}, {Extent: 5, Stride: 2}}
	var got []int
	layout.Runs(dims, 3, 9, func(i, at, count, stride int) {
		if i != len(got) {
			t.Errorf("a run starts at %d, want %d", i, len(got))
		}
		for k := range count {
			got = append(got, at+k*stride)
		}
	})
	var want []int
	for i := 3; i < 12; i++ {
		want = append(want, layout.Offset(dims, i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Runs = %v, want %v", got, want)
	}
}
