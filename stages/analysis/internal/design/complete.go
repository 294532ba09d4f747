package design

// CompletePart returns, by factor, the levels of a large part of a design
// in which every cell has a mean; nil if the design is complete or no part with
// two cells is. Ties keep the levels that come first. Baselines stay where that is possible:
// effects are measured from them.
func CompletePart(d *Design) [][]int {
	keep := make([][]int, len(d.Factors))
	for i, f := range d.Factors {
		for l := range f.Levels {
			keep[i] = append(keep[i], l)
		}
	}
	if incomplete(d, keep) == nil {
		return nil
	}
	// Drop the level with the largest share of incomplete cells until none is
	// left. Where the trials of one level are missing, no part is larger; where single cells
	// are, one can be.
	for {
		bad := incomplete(d, keep)
		if bad == nil {
			break
		}
		factor, level := d.worst(keep, bad, false)
		if factor < 0 {
			factor, level = d.worst(keep, bad, true)
		}
		if factor < 0 {
			return nil
		}
		keep[factor] = without(keep[factor], level)
	}
	cells := 1
	for _, levels := range keep {
		cells *= len(levels)
	}
	if cells < 2 {
		return nil
	}
	return keep
}

// worst is the level with the largest share of incomplete cells, -1 without one.
func (d *Design) worst(keep, bad [][]int, baselines bool) (factor, level int) {
	factor, level = -1, -1
	worst := -1.0
	for i := range keep {
		size := 1.0
		for j := range keep {
			if j != i {
				size *= float64(len(keep[j]))
			}
		}
		counts := make(map[int]float64)
		for _, cell := range bad {
			counts[cell[i]]++
		}
		for _, l := range keep[i] {
			if l == d.Factors[i].Baseline && !baselines {
				continue
			}
			if share := counts[l] / size; len(keep[i]) > 1 && share >= worst && counts[l] > 0 {
				factor, level, worst = i, l, share
			}
		}
	}
	return factor, level
}

// incomplete lists the combinations of the kept levels without a mean.
func incomplete(d *Design, keep [][]int) [][]int {
	var out [][]int
	at := make([]int, len(keep))
	var visit func(i int)
	visit = func(i int) {
		if i == len(keep) {
			if c := d.At(at); c < 0 || !d.Cells[c].Complete() {
				out = append(out, append([]int(nil), at...))
			}
			return
		}
		for _, l := range keep[i] {
			at[i] = l
			visit(i + 1)
		}
	}
	visit(0)
	return out
}

func without(levels []int, drop int) []int {
	var out []int
	for _, l := range levels {
		if l != drop {
			out = append(out, l)
		}
	}
	return out
}
