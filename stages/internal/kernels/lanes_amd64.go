package kernels

import "github.com/gomlx/compute"

//go:noescape
func addBoth(y, a, b *float32, n int)

//go:noescape
func subBoth(y, a, b *float32, n int)

//go:noescape
func mulBoth(y, a, b *float32, n int)

//go:noescape
func divBoth(y, a, b *float32, n int)

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
func signsFlipped(y, x *float32, n int)

//go:noescape
func highest(x *float32, n int) (top float32, odd int32)

//go:noescape
func sum16(x *float32, n int) float32

//go:noescape
func exps8(y, x *float32, n int)

//go:noescape
func logistics8(y, x *float32, n int)

//go:noescape
func tanhs8(y, x *float32, n int)

//go:noescape
func erfs8(y, x *float32, n int)

//go:noescape
func roots8(y, x *float32, n int)

// laneWidth is how many elements most of those functions take at a time; the loops
// take what is left over, and give the same bits.
const laneWidth = 32

func init() {
	if !hasTiles {
		return
	}
	add = vectorized(add, addBoth, addRight, addLeft)
	sub = vectorized(sub, subBoth, subRight, subLeft)
	mul = vectorized(mul, mulBoth, mulRight, mulLeft)
	div = vectorized(div, divBoth, divRight, divLeft)
	unaries[compute.OpTypeExp] = padded(exps8)
	unaries[compute.OpTypeLogistic] = padded(logistics8)
	unaries[compute.OpTypeTanh] = padded(tanhs8)
	unaries[compute.OpTypeErf] = padded(erfs8)
	unaries[compute.OpTypeSqrt] = padded(roots8)
	unaries[compute.OpTypeNeg] = func(y, x []float32) {
		n := len(x) / laneWidth
		if n > 0 {
			_ = y[n*laneWidth-1]
			signsFlipped(&y[0], &x[0], n)
		}
		negatives(y[n*laneWidth:], x[n*laneWidth:])
	}
	loop, rest := shortSum, highestOf
	shortSum = func(x []float32) float32 {
		if len(x) == 0 || len(x)%sumLanes != 0 {
			return loop(x)
		}
		return sum16(&x[0], len(x)/sumLanes)
	}
	highestOf = func(x []float32) float32 {
		n := len(x) / laneWidth
		if n == 0 {
			return rest(x)
		}
		top, odd := highest(&x[0], n)
		switch {
		case odd != 0:
			return rest(x)
		case len(x) > n*laneWidth:
			return max(top, rest(x[n*laneWidth:]))
		}
		return top
	}
}

// vectorized lets the functions do what they can.
func vectorized(rest arithmetic, both func(y, a, b *float32, n int), right func(y, a *float32, b float32, n int), left func(y *float32, a float32, b *float32, n int)) arithmetic {
	return arithmetic{
		both: func(y, a, b []float32) {
			n := len(y) / laneWidth
			done := n * laneWidth
			if n > 0 {
				_, _ = a[done-1], b[done-1]
				both(&y[0], &a[0], &b[0], n)
			}
			if done < len(y) {
				rest.both(y[done:], a[done:], b[done:])
			}
		},
		right: func(y, a []float32, b float32) {
			n := len(y) / laneWidth
			done := n * laneWidth
			if n > 0 {
				_ = a[done-1]
				right(&y[0], &a[0], b, n)
			}
			if done < len(y) {
				rest.right(y[done:], a[done:], b)
			}
		},
		left: func(y []float32, a float32, b []float32) {
			n := len(y) / laneWidth
			done := n * laneWidth
			if n > 0 {
				_ = b[done-1]
				left(&y[0], a, &b[0], n)
			}
			if done < len(y) {
				rest.left(y[done:], a, b[done:])
			}
		},
	}
}

// padded lets a function take eight elements at a time. What is left over goes
// through a padded block, so that a result does not depend on its place.
func padded(f func(y, x *float32, n int)) func(y, x []float32) {
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
