package simd

// The functions below take n > 0 groups of 32 elements, those named 8 and 16 of so
// many.

//go:noescape
func addSlices(y, a, b *float32, n int)

//go:noescape
func subSlices(y, a, b *float32, n int)

//go:noescape
func mulSlices(y, a, b *float32, n int)

//go:noescape
func divSlices(y, a, b *float32, n int)

//go:noescape
func addRight(y, a *float32, b float32, n int)

//go:noescape
func subRight(y, a *float32, b float32, n int)

//go:noescape
func mulRight(y, a *float32, b float32, n int)

//go:noescape
func divRight(y, a *float32, b float32, n int)

//go:noescape
func addLeft(y *float32, a float32, b *float32, n int)

//go:noescape
func subLeft(y *float32, a float32, b *float32, n int)

//go:noescape
func mulLeft(y *float32, a float32, b *float32, n int)

//go:noescape
func divLeft(y *float32, a float32, b *float32, n int)

//go:noescape
func neg32(y, x *float32, n int)

//go:noescape
func highest32(x *float32, n int) (top float32, unordered int32)

//go:noescape
func sum16(x *float32, n int) float32

//go:noescape
func exp8(y, x *float32, n int)

//go:noescape
func logistic8(y, x *float32, n int)

//go:noescape
func tanh8(y, x *float32, n int)

//go:noescape
func erf8(y, x *float32, n int)

//go:noescape
func sqrt8(y, x *float32, n int)

//go:noescape
func roundHalf8(y, x *float32, n int)

// group is how many elements most of these functions take at a time. The loops in
// Go compute the rest, with the same bits.
const group = 32

func init() {
	if !HasTiles {
		return
	}
	Add = vectorized(addLoops, addSlices, addRight, addLeft)
	Sub = vectorized(subLoops, subSlices, subRight, subLeft)
	Mul = vectorized(mulLoops, mulSlices, mulRight, mulLeft)
	Div = vectorized(divLoops, divSlices, divRight, divLeft)
	Neg, Exp, Logistic = negVector, padded(exp8), padded(logistic8)
	Tanh, Erf, Sqrt, RoundHalf = padded(tanh8), padded(erf8), padded(sqrt8), padded(roundHalf8)
	sumShort, Highest = sumVector, highestVector
}

func negVector(y, x []float32) {
	n := len(x) / group
	if n > 0 {
		_ = y[n*group-1]
		neg32(&y[0], &x[0], n)
	}
	negLoop(y[n*group:], x[n*group:])
}

func sumVector(x []float32) float32 {
	if len(x) == 0 || len(x)%lanes != 0 {
		return sumLoop(x)
	}
	return sum16(&x[0], len(x)/lanes)
}

func highestVector(x []float32) float32 {
	n := len(x) / group
	if n == 0 {
		return highestLoop(x)
	}
	top, unordered := highest32(&x[0], n)
	switch {
	case unordered != 0:
		return highestLoop(x)
	case len(x) > n*group:
		return max(top, highestLoop(x[n*group:]))
	}
	return top
}

// vectorized computes groups by the vector functions and the rest by the loops.
func vectorized(loops Binary, slices func(y, a, b *float32, n int), right func(y, a *float32, b float32, n int), left func(y *float32, a float32, b *float32, n int)) Binary {
	return Binary{
		Slices: func(y, a, b []float32) {
			n := len(y) / group
			done := n * group
			if n > 0 {
				_, _ = a[done-1], b[done-1]
				slices(&y[0], &a[0], &b[0], n)
			}
			if done < len(y) {
				loops.Slices(y[done:], a[done:], b[done:])
			}
		},
		ScalarRight: func(y, a []float32, b float32) {
			n := len(y) / group
			done := n * group
			if n > 0 {
				_ = a[done-1]
				right(&y[0], &a[0], b, n)
			}
			if done < len(y) {
				loops.ScalarRight(y[done:], a[done:], b)
			}
		},
		ScalarLeft: func(y []float32, a float32, b []float32) {
			n := len(y) / group
			done := n * group
			if n > 0 {
				_ = b[done-1]
				left(&y[0], a, &b[0], n)
			}
			if done < len(y) {
				loops.ScalarLeft(y[done:], a, b[done:])
			}
		},
	}
}

// padded applies a function of groups of eight elements. The rest goes through a
// padded group, so that a result does not depend on its position.
func padded(f func(y, x *float32, n int)) Unary {
	return func(y, x []float32) {
		n := len(x) / 8
		if n > 0 {
			_ = y[8*n-1]
			f(&y[0], &x[0], n)
		}
		if 8*n < len(x) {
			var block [8]float32
			copy(block[:], x[8*n:])
			f(&block[0], &block[0], 1)
			copy(y[8*n:], block[:])
		}
	}
}
