package power

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Factor is a factor of a study that has not been run.
type Factor struct {
	Name   string
	Levels int
}

// Design is a factorial that has not been run.
type Design struct {
	Factors    []Factor
	Everywhere bool // gaps at every combination of the other factors, as simple_effects asks for
	Responses  int  // that are adjusted together; 0 means 1
}

// gaps is the number of gaps of a factor, of which designs of three factors or more have
// those at the baseline of the others.
func (d Design) gaps(f Factor) int {
	n := f.Levels - 1
	if len(d.Factors) > 2 && !d.Everywhere {
		return n
	}
	for _, other := range d.Factors {
		if other.Name != f.Name {
			n *= other.Levels
		}
	}
	return n
}

// Contrasts lists the contrasts of a factorial, one of each kind for the factors
// that it compares, from the standard deviation sd of a trial in its cell after
// the replicate's own deviation is taken off. Contrasts of one kind differ in
// nothing else before the study is run.
func (d Design) Contrasts(sd float64) []Contrast {
	d.Factors = slices.DeleteFunc(slices.Clone(d.Factors), func(f Factor) bool { return f.Levels < 2 }) // as a factorial does
	factors, cells := d.Factors, 1
	for _, f := range factors {
		cells *= f.Levels
	}
	var out []Contrast
	for mask := 1; mask < 1<<len(factors); mask++ {
		var names []string
		corners, hypotheses := 1, 1
		for i, f := range factors {
			if mask>>i&1 == 1 {
				names = append(names, f.Name)
				corners *= 2
				hypotheses *= f.Levels - 1
				if bits.OnesCount(uint(mask)) == 1 {
					out = append(out, designed("gap", f.Name, sd*math.Sqrt2, d.gaps(f)))
				}
			}
		}
		if len(factors) == 1 {
			continue
		}
		kind, averaged := "main", cells/levelsAmong(factors, mask)
		if len(names) > 1 {
			kind = "interaction"
		}
		out = append(out, designed(kind, strings.Join(names, " x "), sd*math.Sqrt(float64(corners)/float64(averaged)), hypotheses))
	}
	order := []string{"gap", "main", "interaction"}
	slices.SortStableFunc(out, func(a, b Contrast) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	sizes := make(map[string]int)
	for _, c := range out {
		sizes[c.Kind] += c.Family
	}
	for i, c := range out {
		out[i].Family = max(1, sizes[c.Kind]) * max(1, d.Responses)
	}
	return out
}

func designed(kind, name string, sd float64, hypotheses int) Contrast {
	return Contrast{Kind: kind, Name: name, Estimate: math.NaN(), SD: sd, Upper: math.NaN(), Family: hypotheses, DF: 1}
}

// levelsAmong is the number of combinations of the factors of a mask.
func levelsAmong(factors []Factor, mask int) int {
	n := 1
	for i, f := range factors {
		if mask>>i&1 == 1 {
			n *= f.Levels
		}
	}
	return n
}
