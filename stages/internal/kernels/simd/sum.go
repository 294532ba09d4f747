package simd

// lanes is the number of partial sums of a sum: element i is added to sum i mod
// lanes. The order is the same with and without vector instructions.
const lanes = 16

// maxSequential is how many numbers are added one after the other. Longer sums
// are sums of shorter ones: the rounding error of a running float32 sum grows with
// its length, and cost the norm of a large gradient its fifth digit.
const maxSequential = 1024

// Sum adds the elements of x.
func Sum(x []float32) float32 {
	const longest = lanes * maxSequential
	if len(x) > longest {
		half := (len(x)/2 + longest - 1) / longest * longest
		return Sum(x[:half]) + Sum(x[half:])
	}
	return sumShort(x)
}

// sumShort adds at most lanes*maxSequential elements.
var sumShort = sumLoop

func sumLoop(x []float32) float32 {
	var s [lanes]float32
	for ; len(x) >= lanes; x = x[lanes:] {
		for j := range s {
			s[j] += x[j]
		}
	}
	for j, v := range x {
		s[j] += v
	}
	return addHalves(&s)
}

// addHalves adds the lanes of a sum in halves.
func addHalves(s *[lanes]float32) float32 {
	for n := lanes / 2; n > 0; n /= 2 {
		for j := range n {
			s[j] += s[j+n]
		}
	}
	return s[0]
}

// Highest returns the maximum of x, which is not empty, and NaN if an element is.
var Highest = highestLoop

// highestLoop has four accumulators. The order does not affect a maximum.
func highestLoop(x []float32) float32 {
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
