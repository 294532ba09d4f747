package kernels

import "unsafe"

func transposing(fallback executor) executor {
	return func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error) {
		x, ok := floats(inputs[0])
		permutation, known := n.Data.([]int)
		if !ok || !known || n.Shape.IsDynamic() || len(x) == 0 {
			return fallback(backend, n, inputs, owned)
		}
		out, err := getBuffer(backend, n.Shape)
		if err != nil {
			return nil, err
		}
		y := out.Flat.([]float32)
		transpose(y, x, inputs[0].RawShape.Dimensions, permutation)
		return out, nil
	}
}

// axis is one axis of a transpose: how long it is, and how far apart its
// elements lie in the input and in the output.
type axis struct{ size, in, out int }

// transpose copies x of the given shape so that axis i of y is axis
// permutation[i] of x.
func transpose(y, x []float32, dims, permutation []int) {
	axes := make([]axis, len(dims))
	in := 1
	for i := len(dims) - 1; i >= 0; i-- {
		axes[i] = axis{size: dims[i], in: in}
		in *= dims[i]
	}
	out := 1
	for i := len(permutation) - 1; i >= 0; i-- {
		axes[permutation[i]].out = out
		out *= dims[permutation[i]]
	}
	axes = merged(axes)
	last := axes[len(axes)-1]
	outer := axes[:len(axes)-1]
	if last.out == 1 {
		copyRuns(y, x, outer, last.size)
		return
	}
	// The axis that is innermost in the output goes last among the outer ones.
	for i, a := range outer {
		if a.out == 1 {
			rest := append(append([]axis{}, outer[:i]...), outer[i+1:]...)
			copyTiles(y, x, rest, a, last)
			return
		}
	}
	panic("kernels: a transpose without an innermost axis")
}

// merged drops axes of one element and joins neighbours that stay neighbours.
func merged(axes []axis) []axis {
	out := make([]axis, 0, len(axes))
	for _, a := range axes {
		if a.size == 1 {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].in == a.in*a.size && out[k].out == a.out*a.size {
			out[k] = axis{out[k].size * a.size, a.in, a.out}
			continue
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return []axis{{1, 1, 1}}
	}
	return out
}

// count is the number of elements of the axes together.
func count(axes []axis) int {
	n := 1
	for _, a := range axes {
		n *= a.size
	}
	return n
}

// offsets are the places of element i of the axes, counted in order.
func offsets(axes []axis, i int) (in, out int) {
	for k := len(axes) - 1; k >= 0; k-- {
		a := axes[k]
		in += i % a.size * a.in
		out += i % a.size * a.out
		i /= a.size
	}
	return in, out
}

// copyRuns copies stretches that lie together on both sides.
func copyRuns(y, x []float32, outer []axis, run int) {
	parallel(count(outer), run, func(from, to int) {
		for i := from; i < to; i++ {
			in, out := offsets(outer, i)
			copy(y[out:out+run], x[in:in+run])
		}
	})
}

// A strip of rows is exchanged in tiles, eight rows by so many columns at a
// time, so that both sides stay in the cache.
const (
	stripRows   = 64
	tileColumns = 32
)

// copyTiles exchanges the axis that is innermost in the output with the one
// that is innermost in the input.
func copyTiles(y, x []float32, outer []axis, inner, last axis) {
	strips := (inner.size + stripRows - 1) / stripRows
	parallel(count(outer)*strips, stripRows*last.size, func(from, to int) {
		for i := from; i < to; i++ {
			in, out := offsets(outer, i/strips)
			first := i % strips * stripRows
			end := min(first+stripRows, inner.size)
			for c := 0; c < last.size; c += tileColumns {
				width := min(tileColumns, last.size-c)
				row := first
				for ; row+8 <= end; row += 8 {
					eightRows(y[out+c*last.out+row:], x[in+row*inner.in+c:], width, last.out, inner.in)
				}
				for ; row < end; row++ {
					line := x[in+row*inner.in+c:][:width]
					for j, v := range line {
						y[out+(c+j)*last.out+row] = v
					}
				}
			}
		}
	})
}

// eightRows writes eight rows of x, which lie stride apart, as columns of y,
// whose rows lie step apart.
func eightRows(y, x []float32, width, step, stride int) {
	r0, r1, r2, r3 := x[:width], x[stride:][:width], x[2*stride:][:width], x[3*stride:][:width]
	r4, r5, r6, r7 := x[4*stride:][:width], x[5*stride:][:width], x[6*stride:][:width], x[7*stride:][:width]
	at := 0
	for j := range width {
		d := y[at : at+8 : at+8]
		d[0], d[1], d[2], d[3] = r0[j], r1[j], r2[j], r3[j]
		d[4], d[5], d[6], d[7] = r4[j], r5[j], r6[j], r7[j]
		at += step
	}
}
