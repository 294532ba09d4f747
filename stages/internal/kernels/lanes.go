package kernels

import (
	"math"

	"github.com/gomlx/compute"
)

// binaries and unaries are what groups are made of.
var (
	binaries = map[compute.OpType]*arithmetic{
		compute.OpTypeAdd: &add,
		compute.OpTypeSub: &sub,
		compute.OpTypeMul: &mul,
		compute.OpTypeDiv: &div,
		compute.OpTypeMax: &maximum,
		compute.OpTypeMin: &minimum,
	}
	unaries = map[compute.OpType]func(y, x []float32){
		compute.OpTypeExp:      each(math.Exp),
		compute.OpTypeLog:      each(math.Log),
		compute.OpTypeSqrt:     each(math.Sqrt),
		compute.OpTypeTanh:     each(math.Tanh),
		compute.OpTypeErf:      each(math.Erf),
		compute.OpTypeLogistic: each(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }),
		compute.OpTypeNeg:      negatives,
		compute.OpTypeAbs:      each(math.Abs),
	}
)

// each computes in float64, as the backend does.
func each(f func(float64) float64) func(y, x []float32) {
	return func(y, x []float32) {
		for i, v := range x {
			y[i] = float32(f(float64(v)))
		}
	}
}

func negatives(y, x []float32) {
	for i, v := range x {
		y[i] = -v
	}
}

var maximum = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = max(a[i], b[i])
		}
	},
	right: func(y, a []float32, b float32) {
		for i := range y {
			y[i] = max(a[i], b)
		}
	},
	left: func(y []float32, a float32, b []float32) {
		for i := range y {
			y[i] = max(a, b[i])
		}
	},
}

var minimum = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = min(a[i], b[i])
		}
	},
	right: func(y, a []float32, b float32) {
		for i := range y {
			y[i] = min(a[i], b)
		}
	},
	left: func(y []float32, a float32, b []float32) {
		for i := range y {
			y[i] = min(a, b[i])
		}
	},
}

// sumLanes is how many partial sums a sum has: element i goes to the one of
// i mod 16. With or without vectors it is the same.
const sumLanes = 16

// sum adds numbers: so many that no lane gets more than inOrder, and more by
// halves.
func sum(x []float32) float32 {
	const most = sumLanes * inOrder
	if len(x) > most {
		half := (len(x)/2 + most - 1) / most * most
		return sum(x[:half]) + sum(x[half:])
	}
	return shortSum(x)
}

var shortSum = func(x []float32) float32 {
	var s [sumLanes]float32
	for ; len(x) >= sumLanes; x = x[sumLanes:] {
		for j := range s {
			s[j] += x[j]
		}
	}
	for j, v := range x {
		s[j] += v
	}
	return gathered(&s)
}

// gathered adds the lanes of a sum in halves.
func gathered(s *[sumLanes]float32) float32 {
	for n := sumLanes / 2; n > 0; n /= 2 {
		for j := range n {
			s[j] += s[j+n]
		}
	}
	return s[0]
}
