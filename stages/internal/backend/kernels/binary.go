package kernels

import (
	"slices"
	"unsafe"

	"github.com/gomlx/compute/shapes"
)

// arithmetic is an operation in the three forms that its inner loop takes.
// All slices of a call have one length, except a and b where they are scalars.
type arithmetic struct {
	both  func(y, a, b []float32)
	right func(y, a []float32, b float32)
	left  func(y []float32, a float32, b []float32)
}

var add = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] + b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] + b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a + b[i]
		}
	},
}

var sub = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] - b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] - b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a - b[i]
		}
	},
}

var mul = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] * b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] * b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a * b[i]
		}
	},
}

var div = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] / b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] / b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a / b[i]
		}
	},
}

func binary(op *arithmetic) func(executor) executor {
	return func(fallback executor) executor {
		return func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error) {
			a, okA := floats(inputs[0])
			b, okB := floats(inputs[1])
			if !okA || !okB || n.Shape.IsDynamic() || n.Shape.Size() < 64 {
				return fallback(backend, n, inputs, owned)
			}
			plan, ok := broadcast(n.Shape, inputs[0].RawShape, inputs[1].RawShape)
			if !ok {
				return fallback(backend, n, inputs, owned)
			}
			out, err := output(backend, n, inputs, owned)
			if err != nil {
				return nil, err
			}
			y := out.Flat.([]float32)
			if len(plan) == 1 {
				run(op, y, a, b, plan[0])
				return out, nil
			}
			nested(op, y, a, b, plan)
			return out, nil
		}
	}
}

// output takes over an input of the output's shape, or makes a buffer.
func output(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error) {
	for i := len(inputs) - 1; i >= 0; i-- {
		if owned[i] && inputs[i].RawShape.Equal(n.Shape) {
			out := inputs[i]
			inputs[i] = nil
			return out, nil
		}
	}
	return getBuffer(backend, n.Shape)
}

// span is one axis of the output: how long it is, and how far apart its
// elements lie in both operands, 0 where an operand is repeated along it.
type span struct{ size, a, b int }

// broadcast lists the output's axes, merged; ok is false for shapes that are
// not broadcast in the usual way.
func broadcast(out, a, b shapes.Shape) ([]span, bool) {
	dims := out.Dimensions
	spans := make([]span, len(dims))
	sides := [2][]int{}
	for s, d := range [2][]int{a.Dimensions, b.Dimensions} {
		strides := make([]int, len(dims))
		if len(d) == len(dims) {
			stride := 1
			for i := len(d) - 1; i >= 0; i-- {
				switch d[i] {
				case dims[i]:
					if d[i] > 1 {
						strides[i] = stride
					}
				case 1:
				default:
					return nil, false
				}
				stride *= d[i]
			}
		} else if len(d) != 0 {
			return nil, false
		}
		sides[s] = strides
	}
	for i, d := range dims {
		spans[i] = span{d, sides[0][i], sides[1][i]}
	}
	return mergedSpans(spans), true
}

// mergedSpans drops axes of one element and joins those that run on in both
// operands.
func mergedSpans(spans []span) []span {
	var out []span
	for _, s := range spans {
		if s.size == 1 {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].a == s.a*s.size && out[k].b == s.b*s.size {
			out[k] = span{out[k].size * s.size, s.a, s.b}
			continue
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		out = []span{{1, 1, 1}}
	}
	return slices.Clip(out)
}

// run computes one stretch, on all cores when it is long.
func run(op *arithmetic, y, a, b []float32, s span) {
	parallel(s.size, 1, func(from, to int) {
		switch {
		case s.a == 0 && s.b == 0:
			op.right(y[from:to], repeat(a[0], to-from), b[0])
		case s.a == 0:
			op.left(y[from:to], a[0], b[from:to])
		case s.b == 0:
			op.right(y[from:to], a[from:to], b[0])
		default:
			op.both(y[from:to], a[from:to], b[from:to])
		}
	})
}

func repeat(v float32, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// nested computes the stretches of the innermost axis one by one.
func nested(op *arithmetic, y, a, b []float32, plan []span) {
	last := plan[len(plan)-1]
	outer := plan[:len(plan)-1]
	rows := 1
	for _, s := range outer {
		rows *= s.size
	}
	parallel(rows, last.size, func(from, to int) {
		for i := from; i < to; i++ {
			atA, atB, rest := 0, 0, i
			for k := len(outer) - 1; k >= 0; k-- {
				s := outer[k]
				j := rest % s.size
				rest /= s.size
				atA, atB = atA+j*s.a, atB+j*s.b
			}
			row := y[i*last.size : (i+1)*last.size]
			switch {
			case last.a == 0 && last.b == 0:
				op.right(row, repeat(a[atA], len(row)), b[atB])
			case last.a == 0:
				op.left(row, a[atA], b[atB:])
			case last.b == 0:
				op.right(row, a[atA:], b[atB])
			default:
				op.both(row, a[atA:], b[atB:])
			}
		}
	})
}
