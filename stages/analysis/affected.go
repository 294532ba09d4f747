package analysis

import (
	"math/bits"
	"slices"

	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// affectedKind is the kind of gaps that depend on an interaction.
const affectedKind = "affected"

// affected adds the gaps that an interaction changes, where averages over a factor hide
// them: in designs of three factors or more, those at each combination of the factors of
// an interaction that is found or declared. Which are shown depends on the data, so they
// are adjusted for all that could be.
func (r *effects) affected() {
	if len(r.design.Compared()) < 3 || r.stage.SimpleEffects {
		return
	}
	shown := r.interacting()
	if len(shown) == 0 {
		return
	}
	size := r.partialGaps()
	if r.stage.Families == jointFamilies {
		size *= len(r.stage.responses())
	}
	for _, set := range shown {
		for _, c := range r.design.PartialGaps(set) {
			out, e := r.contrast(c)
			out.Family = affectedKind
			of := []answer.Contrast{out}
			fillAdjusted(of, []estimate.Adjusted{e.Among(size, r.Confidence)})
			r.Contrasts = append(r.Contrasts, of...)
		}
	}
	r.Families = append(r.Families, answer.Family{Name: affectedKind, Size: size})
}

// interacting lists the sets of factors of which an interaction is found or declared,
// without sets that are part of another.
func (r *effects) interacting() [][]int {
	var masks []uint
	for _, c := range r.Contrasts {
		if c.Kind == "interaction" && c.LowAdjusted != nil && (*c.LowAdjusted > 0 || *c.HighAdjusted < 0) {
			var names []string
			for _, t := range c.Terms {
				names = append(names, t.Factor)
			}
			masks = append(masks, r.mask(names))
		}
	}
	for _, c := range r.stage.Contrasts {
		if c.Minus != nil {
			masks = append(masks, r.mask(slices.Concat(sortedKeys(c.Of), sortedKeys(c.Against), sortedKeys(c.Minus.Of), sortedKeys(c.Minus.Against))))
		}
	}
	slices.Sort(masks)
	masks = slices.Compact(masks)
	var out [][]int
	for _, m := range masks {
		within := slices.ContainsFunc(masks, func(x uint) bool { return x != m && x&m == m })
		if !within && bits.OnesCount(m) > 1 {
			out = append(out, r.factorsOf(m))
		}
	}
	return out
}

// mask marks the compared factors with one of the names, by their positions among the
// compared.
func (r *effects) mask(names []string) (m uint) {
	for k, i := range r.design.Compared() {
		if slices.Contains(names, r.design.Factors[i].Name) {
			m |= 1 << k
		}
	}
	return m
}

// factorsOf lists the factors of a mask.
func (r *effects) factorsOf(mask uint) (out []int) {
	for k, i := range r.design.Compared() {
		if mask>>k&1 == 1 {
			out = append(out, i)
		}
	}
	return out
}

// partialGaps is the number of gaps that any interaction could affect.
func (r *effects) partialGaps() (n int) {
	for mask := uint(1); mask < 1<<len(r.design.Compared()); mask++ {
		set := r.factorsOf(mask)
		if len(set) < 2 {
			continue
		}
		for _, i := range set {
			gaps := len(r.design.Factors[i].Levels) - 1
			for _, j := range set {
				if j != i {
					gaps *= len(r.design.Factors[j].Levels)
				}
			}
			n += gaps
		}
	}
	return n
}
