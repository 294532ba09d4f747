//go:build goexperiment.simd && amd64

package kernels

import (
	"math"
	"simd/archsimd"

	"github.com/gomlx/compute"
)

func init() {
	if archsimd.X86.AVX2() && archsimd.X86.FMA() {
		unaries[compute.OpTypeTanh] = tanhs
		unaries[compute.OpTypeErf] = erfs
		unaries[compute.OpTypeSqrt] = roots
	}
}

// eights calls f on eight elements at a time. What is left over goes through a
// padded block, so that an element's result does not depend on its place.
func eights(y, x []float32, f func(archsimd.Float32x8) archsimd.Float32x8) {
	i := 0
	for ; i+8 <= len(x); i += 8 {
		f(archsimd.LoadFloat32x8Slice(x[i:])).StoreSlice(y[i:])
	}
	if i < len(x) {
		var block [8]float32
		copy(block[:], x[i:])
		f(archsimd.LoadFloat32x8(&block)).Store(&block)
		copy(y[i:], block[:])
	}
}

func tanhs(y, x []float32) { eights(y, x, tanh8) }
func erfs(y, x []float32)  { eights(y, x, erf8) }
func roots(y, x []float32) { eights(y, x, archsimd.Float32x8.Sqrt) }

func all(v float32) archsimd.Float32x8 { return archsimd.BroadcastFloat32x8(v) }

var inf = float32(math.Inf(1))

// exp8 is e^x, as the assembly computes it. Above 88.7 it is infinite, below
// −87.3 zero.
func exp8(x archsimd.Float32x8) archsimd.Float32x8 {
	const high, low = 88.72283, -87.33654
	clamped := x.Min(all(high)).Max(all(low))
	n := clamped.Mul(all(1.44269504088896341)).RoundToEven()
	r := n.MulAdd(all(-0.693359375), clamped)
	r = n.MulAdd(all(2.12194440e-4), r)
	p := all(1.9875691500e-4)
	for _, c := range [...]float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = p.MulAdd(r, all(c))
	}
	p = p.MulAdd(r.Mul(r), r).Add(all(1))
	// 2ⁿ in two halves, since n can be 128.
	k := n.ConvertToInt32()
	half := k.ShiftAllRight(1)
	y := p.Mul(power(half)).Mul(power(k.Sub(half)))
	y = all(0).Merge(y, x.Less(all(low)))
	y = all(inf).Merge(y, x.Greater(all(high)))
	return x.Merge(y, x.NotEqual(x)) // no number stays none
}

// power is 2ᵏ for k of a normal number.
func power(k archsimd.Int32x8) archsimd.Float32x8 {
	return k.Add(archsimd.BroadcastInt32x8(127)).ShiftAllLeft(23).AsFloat32x8()
}

// tanh8 is x P(x²) near 0, and 1 − 2 / (e^2x + 1) elsewhere, by the sign (both
// as in the Cephes library's tanhf).
func tanh8(x archsimd.Float32x8) archsimd.Float32x8 {
	size := x.Max(all(0).Sub(x))
	far := all(1).Sub(all(2).Div(exp8(size.Add(size)).Add(all(1))))
	far = all(0).Sub(far).Merge(far, x.Less(all(0)))
	s := x.Mul(x)
	p := all(-5.70498872745e-3)
	for _, c := range [...]float32{2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
		p = p.MulAdd(s, all(c))
	}
	near := p.Mul(s).MulAdd(x, x)
	y := near.Merge(far, size.Less(all(0.625)))
	return x.Merge(y, x.NotEqual(x))
}

// erf8 is x + x P(x²) near 0, and 1 − e^−Q(|x|) elsewhere, by the sign (N. Juffa's
// polynomials, within one unit in the last place of either).
func erf8(x archsimd.Float32x8) archsimd.Float32x8 {
	size := x.Max(all(0).Sub(x))
	s := x.Mul(x)
	p := all(-5.96761703e-4)
	for _, c := range [...]float32{4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1} {
		p = p.MulAdd(s, all(c))
	}
	near := p.MulAdd(x, x)
	t := size.Min(all(4)) // beyond, it is 1
	s = t.Mul(t)
	q := all(-1.72853470e-5).MulAdd(t, all(3.83197126e-4))
	u := all(-3.88396438e-3).MulAdd(t, all(2.42546219e-2))
	q = q.MulAdd(s, u)
	for _, c := range [...]float32{-1.06777877e-1, -6.34846687e-1, -1.28717512e-1} {
		q = q.MulAdd(t, all(c))
	}
	far := all(1).Sub(exp8(q.MulAdd(t, all(0).Sub(t))))
	far = all(0).Sub(far).Merge(far, x.Less(all(0)))
	y := near.Merge(far, size.LessEqual(all(0.927734375)))
	return x.Merge(y, x.NotEqual(x))
}
