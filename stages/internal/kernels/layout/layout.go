// Package layout describes how the elements of a tensor lie in a buffer.
//
// A Strided lets an operation read or write a tensor in place after any chain of
// reshapes, transposes, slices and broadcasts, without copying it first.
package layout

import "slices"

// Dim is a run of Extent elements, each Stride elements after the previous one.
// A stride of 0 repeats one element.
type Dim struct{ Extent, Stride int }

// Strided is the layout of a tensor: the position of its first element, and for
// each axis the dims that make it up, outermost first. An axis of one element has
// no dims.
type Strided struct {
	Offset int
	Axes   [][]Dim
}

// Contiguous returns the row-major layout of a tensor with the given axes.
func Contiguous(axes []int) Strided {
	s := Strided{Axes: make([][]Dim, len(axes))}
	stride := 1
	for i := len(axes) - 1; i >= 0; i-- {
		if axes[i] > 1 {
			s.Axes[i] = []Dim{{axes[i], stride}}
		}
		stride *= axes[i]
	}
	return s
}

// Reshape returns the same elements, in the same order, with other axes. It
// reports false where no layout describes that, so that the elements would have to
// be copied.
func (s Strided) Reshape(axes []int) (Strided, bool) {
	rest := Merge(s.Axes...)
	out := Strided{s.Offset, make([][]Dim, len(axes))}
	for i := len(axes) - 1; i >= 0; i-- {
		axis, left, ok := takeInner(rest, axes[i])
		if !ok {
			return Strided{}, false
		}
		out.Axes[i], rest = axis, left
	}
	return out, true
}

// takeInner removes the innermost extent elements from dims.
func takeInner(dims []Dim, extent int) (inner, outer []Dim, ok bool) {
	for extent > 1 {
		if len(dims) == 0 {
			return nil, nil, false
		}
		last := dims[len(dims)-1]
		switch {
		case extent%last.Extent == 0:
			inner = append(inner, last)
			extent /= last.Extent
			dims = dims[:len(dims)-1]
		case last.Extent%extent == 0:
			inner = append(inner, Dim{extent, last.Stride})
			dims[len(dims)-1] = Dim{last.Extent / extent, last.Stride * extent}
			extent = 1
		default:
			return nil, nil, false
		}
	}
	slices.Reverse(inner)
	return Merge(inner), dims, true
}

// Transpose reorders the axes: axis i of the result is axis permutation[i] of s.
func (s Strided) Transpose(permutation []int) Strided {
	out := Strided{s.Offset, make([][]Dim, len(permutation))}
	for i, axis := range permutation {
		out.Axes[i] = s.Axes[axis]
	}
	return out
}

// Slice keeps a range of each axis. It reports false for a range of an axis of
// several dims.
func (s Strided) Slice(starts, limits, strides []int) (Strided, bool) {
	out := Strided{s.Offset, slices.Clone(s.Axes)}
	for i, axis := range s.Axes {
		if starts[i] == 0 && limits[i] == Extent(axis) && strides[i] == 1 {
			continue
		}
		if len(axis) != 1 {
			return Strided{}, false
		}
		out.Offset += starts[i] * axis[0].Stride
		out.Axes[i] = nil
		if n := (limits[i] - starts[i] + strides[i] - 1) / strides[i]; n > 1 {
			out.Axes[i] = []Dim{{n, axis[0].Stride * strides[i]}}
		} else if n < 1 {
			return Strided{}, false
		}
	}
	return out, true
}

// Broadcast repeats the elements over the given axes; axis i of s becomes axis
// positions[i] of the result.
func (s Strided) Broadcast(axes, positions []int) Strided {
	out := Strided{s.Offset, make([][]Dim, len(axes))}
	for i, extent := range axes {
		if extent > 1 {
			out.Axes[i] = []Dim{{extent, 0}}
		}
	}
	for i, axis := range s.Axes {
		if len(axis) > 0 {
			out.Axes[positions[i]] = axis
		}
	}
	return out
}
