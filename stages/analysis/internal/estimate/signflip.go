package estimate

import (
	"math"

	"ablate/stages/analysis/internal/design"
)

// MostFlipped is the number of replicates up to which all signs are tried.
const MostFlipped = 20

// SignFlip is the exact two-sided test that the contrast of a replicate is as likely
// above as below 0: the share of all assignments of signs whose sum is at least as far
// from 0. least is the smallest p that so many replicates can give. ok is false where
// fewer than two replicates are complete, or more than MostFlipped.
func (m *Model) SignFlip(c design.Contrast) (p, least float64, ok bool) {
	if !m.design.Paired {
		return 0, 0, false
	}
	each := eachOf(c, m.design.Cells, common(c, m.design.Cells))
	n := len(each)
	if n < 2 || n > MostFlipped {
		return 0, 0, false
	}
	sum, size := 0.0, 0.0
	for _, v := range each {
		sum += v
		size += math.Abs(v)
	}
	reach := math.Abs(sum) - noiseShare*size // equal sums may differ by rounding
	hits := 0
	for signs := range 1 << (n - 1) { // the others are their mirror images
		s := each[n-1]
		for i, v := range each[:n-1] {
			if signs>>i&1 == 1 {
				v = -v
			}
			s += v
		}
		if math.Abs(s) >= reach {
			hits++
		}
	}
	all := float64(int(1) << (n - 1))
	return float64(hits) / all, 1 / all, true
}
