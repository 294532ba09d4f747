package simd

import "math"

// Unary computes an operation on each element of x; y and x have the same length
// and may be the same slice.
type Unary func(y, x []float32)

// The element-wise functions. They are vectorized where the processor allows it;
// a vectorized function is within two units in the last place.
var (
	Exp      = inFloat64(math.Exp)
	Log      = inFloat64(math.Log)
	Sqrt     = inFloat64(math.Sqrt)
	Tanh     = inFloat64(math.Tanh)
	Erf      = inFloat64(math.Erf)
	Logistic = inFloat64(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
	Abs      = inFloat64(math.Abs)
	Neg      = Unary(negLoop)
)

// inFloat64 computes in float64, as the backend does.
func inFloat64(f func(float64) float64) Unary {
	return func(y, x []float32) {
		for i, v := range x {
			y[i] = float32(f(float64(v)))
		}
	}
}

func negLoop(y, x []float32) {
	for i, v := range x {
		y[i] = -v
	}
}
