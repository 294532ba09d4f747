package design

import "slices"

// Part is the design of some levels of each factor, with the index of each of its cells
// in the whole. ok is false if a baseline is not among the levels.
func (d *Design) Part(keep [][]int) (part *Design, cells []int, ok bool) {
	part = &Design{Replicate: d.Replicate, Replicates: d.Replicates, Paired: d.Paired, byLevels: make(map[string]int)}
	for i, f := range d.Factors {
		base := slices.Index(keep[i], f.Baseline)
		if base < 0 {
			return nil, nil, false
		}
		x := Factor{Name: f.Name, Baseline: base}
		for _, l := range keep[i] {
			x.Levels, x.Labels = append(x.Levels, f.Levels[l]), append(x.Labels, f.Labels[l])
		}
		part.Factors = append(part.Factors, x)
	}
	for i, c := range d.Cells {
		levels := make([]int, len(c.Levels))
		for j, l := range c.Levels {
			levels[j] = slices.Index(keep[j], l)
		}
		if slices.Contains(levels, -1) {
			continue
		}
		copied := *c
		copied.Levels = levels
		part.byLevels[key(levels)] = len(part.Cells)
		part.Cells, cells = append(part.Cells, &copied), append(cells, i)
	}
	return part, cells, true
}

// Without is the design without the trials of one replicate. Cells keep their indexes,
// and may be left without a trial.
func (d *Design) Without(replicate int) *Design {
	part := *d
	part.Cells = make([]*Cell, len(d.Cells))
	for i, c := range d.Cells {
		part.Cells[i] = c.Only(slices.DeleteFunc(slices.Clone(c.Replicates), func(r int) bool { return r == replicate }))
	}
	return &part
}

// Failed reports whether a trial of any cell diverged, or did not reach the target.
func (d *Design) Failed() bool {
	return slices.ContainsFunc(d.Cells, func(c *Cell) bool { return c.Diverged+c.Censored > 0 })
}
