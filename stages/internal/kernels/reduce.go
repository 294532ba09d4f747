package kernels

import (
	"slices"
	"unsafe"
)

func reducing(highest bool) func(executor) executor {
	return func(fallback executor) executor {
		return func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error) {
			x, ok := floats(inputs[0])
			axes, known := n.Data.([]int)
			if !ok || !known || n.Shape.IsDynamic() || len(x) < 64 {
				return fallback(backend, n, inputs, owned)
			}
			before, length, after, ok := block(inputs[0].RawShape.Dimensions, axes)
			if !ok {
				return fallback(backend, n, inputs, owned)
			}
			out, err := getBuffer(backend, n.Shape)
			if err != nil {
				return nil, err
			}
			reduce(out.Flat.([]float32), x, before, length, after, highest)
			return out, nil
		}
	}
}

// block sees a shape as three axes of which the middle one is reduced; ok is
// false when the reduced axes do not lie side by side.
func block(dims, axes []int) (before, length, after int, ok bool) {
	reduced := func(i int) bool { return len(axes) == 0 || slices.Contains(axes, i) }
	before, length, after = 1, 1, 1
	stage := 0
	for i, d := range dims {
		if d == 1 {
			continue
		}
		r := reduced(i)
		switch {
		case stage == 0 && !r:
			before *= d
		case stage <= 1 && r:
			stage = 1
			length *= d
		case !r:
			stage = 2
			after *= d
		default:
			return 0, 0, 0, false
		}
	}
	return before, length, after, true
}

// highestOf is the maximum, in four lanes: its order does not count.
var highestOf = func(x []float32) float32 {
	m := x[0]
	if len(x) < 4 {
		for _, v := range x {
			m = max(m, v)
		}
		return m
	}
	a, b, c, d := x[0], x[1], x[2], x[3]
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = max(a, x[0]), max(b, x[1]), max(c, x[2]), max(d, x[3])
	}
	for _, v := range x {
		m = max(m, v)
	}
	return max(m, a, b, c, d)
}

// inOrder is how many numbers are added one after the other. Longer sums are
// sums of such, because the rounding of one running float32 sum grows with its
// length: it cost the norm of a large gradient its fifth digit.
const inOrder = 1024

// sumColumns adds rows of len(out) numbers that lie stride apart in x.
func sumColumns(out, x []float32, rows, stride int) {
	if rows > inOrder {
		half := (rows/2 + inOrder - 1) / inOrder * inOrder
		sumColumns(out, x, half, stride)
		rest := make([]float32, len(out))
		sumColumns(rest, x[half*stride:], rows-half, stride)
		add.both(out, out, rest)
		return
	}
	clear(out)
	for j := range rows {
		add.both(out, out, x[j*stride:][:len(out)])
	}
}

// highestColumns takes the maximum where sumColumns adds.
func highestColumns(out, x []float32, rows, stride int) {
	copy(out, x)
	for j := range rows {
		row := x[j*stride:][:len(out)]
		for c, v := range row {
			out[c] = max(out[c], v)
		}
	}
}

// reduce adds, or takes the maximum, along the middle axis.
func reduce(y, x []float32, before, length, after int, highest bool) {
	if after == 1 {
		parallel(before, length, func(from, to int) {
			for i := from; i < to; i++ {
				row := x[i*length : (i+1)*length]
				if highest {
					y[i] = highestOf(row)
				} else {
					y[i] = sum(row)
				}
			}
		})
		return
	}
	columns := sumColumns
	if highest {
		columns = highestColumns
	}
	// Columns are parts that do not touch each other. They are as wide as can be.
	shared(after, before*length, 1, func(from, to int) {
		for i := range before {
			columns(y[i*after+from:i*after+to], x[i*length*after+from:], length, after)
		}
	})
}
