package ml

import "math"

// Numbers that enter keys or initial weights must be the same on every
// machine. Go may fuse x*y + z into one instruction with one rounding where
// the processor has it; an explicit conversion of the product forbids that.
// The functions below are so written, and use nothing of package math whose
// bits depend on the machine (square root and scaling by powers of two are
// exact everywhere).

// Cos returns the cosine of x radians for |x| <= 4, with an error below 2e-15.
func Cos(x float64) float64 {
	// cos x = 1 - 2 sin²(x/2), halved until the series is short.
	const halvings = 3
	y := math.Abs(x) / (1 << halvings)
	s := sinSeries(y)
	c := 1 - float64(2*float64(s*s)) // cos of twice y
	for range halvings - 1 {
		c = float64(2*float64(c*c)) - 1
	}
	return c
}

// sinSeries is the Taylor series of the sine for |y| <= 0.5.
func sinSeries(y float64) float64 {
	y2 := float64(y * y)
	sum, term := y, y
	for k := 2.0; k <= 20; k += 2 {
		term = -float64(term*y2) / float64(k*(k+1))
		sum += term
	}
	return sum
}

// Log returns the natural logarithm of a positive, finite x, with a relative
// error below 1e-15 away from 1.
func Log(x float64) float64 {
	frac, exp := math.Frexp(x) // exact: x = frac * 2^exp, frac in [0.5, 1)
	if frac < math.Sqrt2/2 {
		frac, exp = frac*2, exp-1
	}
	// log frac = 2 artanh z, with |z| < 0.172.
	z := (frac - 1) / (frac + 1)
	z2 := float64(z * z)
	sum, power := z, z
	for k := 3.0; k <= 27; k += 2 {
		power = float64(power * z2)
		sum += power / k
	}
	return float64(2*sum) + float64(float64(exp)*math.Ln2)
}
