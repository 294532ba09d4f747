package simd

// axis is an axis of a transpose: its extent, and its strides in the input and in
// the output.
type axis struct{ extent, in, out int }

// Transpose copies x, of the given dimensions, to y so that axis i of y is axis
// permutation[i] of x. It panics if permutation is not one.
func Transpose(y, x []float32, dims, permutation []int) {
	axes := make([]axis, len(dims))
	in := 1
	for i := len(dims) - 1; i >= 0; i-- {
		axes[i] = axis{extent: dims[i], in: in}
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
		copyRuns(y, x, outer, last.extent)
		return
	}
	// Exchange the innermost axis of the output with that of the input.
	for i, a := range outer {
		if a.out == 1 {
			rest := append(append([]axis{}, outer[:i]...), outer[i+1:]...)
			copyTiles(y, x, rest, a, last)
			return
		}
	}
	panic("simd: not a permutation")
}

// merged drops axes of one element and joins neighbours that stay neighbours.
func merged(axes []axis) []axis {
	out := make([]axis, 0, len(axes))
	for _, a := range axes {
		if a.extent == 1 {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].in == a.in*a.extent && out[k].out == a.out*a.extent {
			out[k] = axis{out[k].extent * a.extent, a.in, a.out}
			continue
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return []axis{{1, 1, 1}}
	}
	return out
}

// count returns the number of elements of all axes together.
func count(axes []axis) int {
	n := 1
	for _, a := range axes {
		n *= a.extent
	}
	return n
}

// offsets returns the positions of element i of the axes, in row-major order.
func offsets(axes []axis, i int) (in, out int) {
	for k := len(axes) - 1; k >= 0; k-- {
		a := axes[k]
		in += i % a.extent * a.in
		out += i % a.extent * a.out
		i /= a.extent
	}
	return in, out
}

// copyRuns copies runs that are contiguous on both sides.
func copyRuns(y, x []float32, outer []axis, run int) {
	Parallel(count(outer), run, func(from, to int) {
		for i := from; i < to; i++ {
			in, out := offsets(outer, i)
			copy(y[out:out+run], x[in:in+run])
		}
	})
}

// Strips of rows are transposed in tiles of eight rows by tileColumns columns, so
// that both sides stay in the cache.
const (
	stripRows   = 64
	tileColumns = 32
)

// copyTiles transposes inner, the innermost axis of the output, with last, that of
// the input.
func copyTiles(y, x []float32, outer []axis, inner, last axis) {
	strips := (inner.extent + stripRows - 1) / stripRows
	Parallel(count(outer)*strips, stripRows*last.extent, func(from, to int) {
		for i := from; i < to; i++ {
			in, out := offsets(outer, i/strips)
			first := i % strips * stripRows
			end := min(first+stripRows, inner.extent)
			for c := 0; c < last.extent; c += tileColumns {
				width := min(tileColumns, last.extent-c)
				row := first
				for ; row+8 <= end; row += 8 {
					transposeRows8(y[out+c*last.out+row:], x[in+row*inner.in+c:], width, last.out, inner.in)
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

// transposeRows8 writes eight rows of x as columns of y. The rows of x are stride
// apart, those of y step.
func transposeRows8(y, x []float32, width, step, stride int) {
	r0, r1, r2, r3 := x[:width], x[stride:][:width], x[2*stride:][:width], x[3*stride:][:width]
	r4, r5, r6, r7 := x[4*stride:][:width], x[5*stride:][:width], x[6*stride:][:width], x[7*stride:][:width]
	done := transposeColumns(y, x, width, step, stride)
	at := done * step
	for j := done; j < width; j++ {
		d := y[at : at+8 : at+8]
		d[0], d[1], d[2], d[3] = r0[j], r1[j], r2[j], r3[j]
		d[4], d[5], d[6], d[7] = r4[j], r5[j], r6[j], r7[j]
		at += step
	}
}
