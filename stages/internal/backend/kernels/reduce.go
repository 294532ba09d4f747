package kernels

import (
	"math"
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
func highestOf(x []float32) float32 {
	m := x[0]
	if len(x) < 4 {
		return slices.Max(x)
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

// reduce adds, or takes the maximum, along the middle axis, in the order of its
// elements.
func reduce(y, x []float32, before, length, after int, highest bool) {
	if after == 1 {
		parallel(before, length, func(from, to int) {
			for i := from; i < to; i++ {
				row := x[i*length : (i+1)*length]
				if highest {
					y[i] = highestOf(row)
					continue
				}
				sum := float32(0)
				for _, v := range row {
					sum += v
				}
				y[i] = sum
			}
		})
		return
	}
	// Columns are parts that do not touch each other.
	parallel(after, before*length, func(from, to int) {
		for i := range before {
			out := y[i*after+from : i*after+to]
			for c := range out {
				out[c] = 0
				if highest {
					out[c] = float32(math.Inf(-1))
				}
			}
			for j := range length {
				row := x[(i*length+j)*after+from : (i*length+j)*after+to]
				row = row[:len(out)]
				if highest {
					for c := range out {
						out[c] = max(out[c], row[c])
					}
					continue
				}
				for c := range out {
					out[c] += row[c]
				}
			}
		}
	})
}
