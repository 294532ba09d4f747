package simd

import "math"

// Unary computes an operation on each element of x; y and x have the same length
// and may be the same slice.
type Unary func(y, x []float32)

// The element-wise functions. They are vectorized where the processor allows it;
// a vectorized function is within three units in the last place.
var (
	Exp      = inFloat64(math.Exp)
	Log      = inFloat64(math.Log)
	Sqrt     = inFloat64(math.Sqrt)
	Tanh     = inFloat64(math.Tanh)
	Erf      = inFloat64(math.Erf)
	Logistic = inFloat64(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
	Abs      = inFloat64(math.Abs)
	Neg      = Unary(negLoop)

	// RoundHalf rounds to the nearest bfloat16, ties to even, as the backend does.
	RoundHalf = Unary(roundHalfLoop)
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

func roundHalfLoop(y, x []float32) {
	const exponent = 0x7f800000
	for i, v := range x {
		bits := math.Float32bits(v)
		if bits&exponent != exponent { // infinities and NaN are truncated
			bits += 0x7fff + bits>>16&1
		}
		y[i] = math.Float32frombits(bits &^ 0xffff)
	}
}
