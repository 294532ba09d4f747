package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// fewestTuned is the number of trials of each setting below which a tuned cell has no
// interval: with two, one trial chooses the setting of the other.
const fewestTuned = 3

// tunedOnFew is the method of a contrast of cells that are tuned on fewer.
const tunedOnFew = "tuned, too few replicates"

// tuned reduces a table to the trials at the settings that each cell chooses.
func (f *Factorial) tuned(t *design.Table) (*design.Table, []design.Choice) {
	if len(f.Tune) == 0 {
		return t, nil
	}
	return design.Tune(t, f.Tune, f.Better == "higher")
}

// designed is the design that is analysed.
func (f *Factorial) designed(t *design.Table, replicate string) *design.Design {
	t, _ = f.tuned(t)
	return design.New(t, replicate)
}

// checkTune refuses tuned factors that the trials lack, and a design of which nothing
// is left.
func (f *Factorial) checkTune(t *design.Table) diag.List {
	var list diag.List
	left := t.Factors()
	for i, name := range f.Tune {
		list = append(list, checkFactor(t, "tune", name)...)
		if slices.Contains(f.Tune[:i], name) {
			list = append(list, diag.Errorf(diag.Path{"tune"}, "Factor twice", "tune names %s twice. Remove one.", name)...)
		}
		left = slices.DeleteFunc(left, func(x string) bool { return x == name })
	}
	if len(f.Tune) > 0 && len(list) == 0 && len(left) == 0 {
		list = diag.Errorf(diag.Path{"tune"}, "Nothing to compare", "tune names all factors of the trials. Leave out those whose levels are compared.")
	}
	return list
}

// checkCompared is checkLevels for levels that are compared, which those of tuned
// factors are not.
func (f *Factorial) checkCompared(t *design.Table, open bool, attribute string, levels map[string]addr.Level) diag.List {
	list := checkLevels(t, open, attribute, levels)
	for _, name := range sortedKeys(levels) {
		if slices.Contains(f.Tune, name) {
			list = append(list, diag.Errorf(diag.Path{attribute}, "Tuned factor", "%s is tuned within each cell, so its levels are not compared. Remove it from %s or from tune.", name, attribute)...)
		}
	}
	return list
}

// choices records what each cell chose, and what limits it.
func (r *effects) choices(choices []design.Choice) {
	if choices == nil {
		return
	}
	r.few, r.unsure = make(map[int]bool), make(map[int]bool)
	var few, single, doubled, edges, failed []string
	fixed := make(map[string][]string)
	for _, c := range choices {
		i := r.design.Find(c.Cell)
		cell := r.design.CellName(r.design.Cells[i].Levels)
		out := answer.Tuned{Levels: r.Cells[i].Levels, Setting: []answer.Term{}, Mean: answer.Finite(c.Mean), Tried: c.Size, Chosen: c.Chosen, Of: c.Of, Fewest: c.Fewest, Edges: c.Edges}
		for j, l := range c.Setting {
			out.Setting = append(out.Setting, answer.Term{Factor: c.Factors[j], Level: l.Label})
		}
		r.Tuned = append(r.Tuned, out)
		if c.Fewest < fewestTuned || c.Of == 0 {
			r.few[i] = true
		}
		if !c.Settled && !r.few[i] {
			r.unsure[i] = true
		}
		switch {
		case c.Setting == nil:
			failed = append(failed, cell)
		case c.Of == 0: // no replicate could be left out
			single = append(single, cell)
		case c.Fewest < fewestTuned:
			few = append(few, cell)
		}
		if len(c.Edges) > 0 {
			edges = append(edges, fmt.Sprintf("%s (%s)", cell, join(c.Edges)))
		}
		if c.Doubled {
			doubled = append(doubled, cell)
		}
		for _, name := range c.Fixed {
			fixed[name] = append(fixed[name], cell)
		}
	}
	r.sayChoices(few, single, edges, failed)
	r.say(len(doubled) > 0, "Two trials of one %s have the same levels in %s. Only the first is used.", r.Replicate, some(doubled))
	for _, name := range sortedKeys(fixed) {
		r.say(true, "%s has one level in %s, so it is not tuned there.", name, some(fixed[name]))
	}
}

func (r *effects) sayChoices(few, single, edges, failed []string) {
	r.say(len(single) > 0, "No %s can be left out of the choice in %s: the best setting's own trials are shown, which flatters a cell the more settings it tried. There is no interval. Add replicates.", r.Replicate, some(single))
	r.say(len(few) > 0, "Some settings have fewer than %d trials in %s: there is no interval, because one trial would choose for another. Add replicates, or remove those settings with a block only.", fewestTuned, some(few))
	r.say(len(edges) > 0, "The best setting lies on the edge of what was tried in %s. A wider range may hold a better one, so the comparison may be unfair.", some(edges))
	r.say(len(failed) > 0, "Trials of every setting diverged in %s.", some(failed))
	r.say(len(r.unsure) > 0, "No setting is best in every %s in %s. Intervals with such a cell are wider (1.6 times for 3 %ss, 2.1 for 10), because the choice is part of their error.", r.Replicate, some(r.cellNames(r.unsure)), r.Replicate)
	r.Notes = append(r.Notes, fmt.Sprintf("%s is tuned within each cell. The response of a %s is that at the setting which is best on average for the other %ss, so that no trial chooses its own setting.",
		strings.Join(r.stage.Tune, " with "), r.Replicate, r.Replicate))
}

// cellNames lists some cells of the design in their order.
func (r *effects) cellNames(cells map[int]bool) (out []string) {
	for i, c := range r.design.Cells {
		if cells[i] {
			out = append(out, r.design.CellName(c.Levels))
		}
	}
	return out
}

// afterTuning corrects the estimate of a contrast of tuned cells. Cells that are tuned on
// few replicates give a point alone. Where no setting of a cell is best in every replicate,
// the choice is part of the error, also if all replicates choose alike: the mean of a setting
// that won by chance is too good.
func (r *effects) afterTuning(c design.Contrast, e estimate.Estimate) estimate.Estimate {
	unsure, n := false, math.MaxInt
	for i := range c.Weights {
		if r.few[i] {
			return e.Point(tunedOnFew)
		}
		unsure = unsure || r.unsure[i]
		n = min(n, e.Used[i])
	}
	if !unsure || n < 2 {
		return e
	}
	return e.Widened(n, r.Confidence)
}
