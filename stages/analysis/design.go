package analysis

import (
	"fmt"
	"slices"
	"strings"

	"ablate/hcl/addr"
)

// factor is one axis of the design, without the replicate.
type factor struct {
	name     string
	levels   []string // display text, in order of first appearance
	ids      []addr.Level
	baseline int
}

// design is the trials sorted into cells.
type design struct {
	factors   []factor
	cells     []*cellData
	byLevels  map[string]int
	replicate string
	blocked   bool     // trials of one replicate belong together
	doubled   []string // cells with two trials of one replicate
}

// newDesign sorts trials into cells. The replicate is a factor's name; without
// such a factor every cell has one trial.
func newDesign(t *trialTable, replicate string) *design {
	d := &design{byLevels: make(map[string]int), replicate: replicate, blocked: !t.loose}
	at := slices.Index(t.factors, replicate)
	for i, name := range t.factors {
		if i != at {
			d.factors = append(d.factors, factor{name: name})
		}
	}
	for _, x := range t.trials {
		d.add(x, at)
	}
	return d
}

func (d *design) add(x trial, replicate int) {
	var levels []int
	f := 0
	r := ""
	for i, id := range x.ids {
		if i == replicate {
			r = x.levels[i]
			continue
		}
		levels = append(levels, d.factors[f].index(id, x.levels[i]))
		f++
	}
	key := fmt.Sprint(levels)
	i, ok := d.byLevels[key]
	if !ok {
		i = len(d.cells)
		d.byLevels[key] = i
		d.cells = append(d.cells, &cellData{levels: levels, values: make(map[string]float64)})
	}
	c := d.cells[i]
	if x.diverged {
		c.diverged++
		return
	}
	if _, twice := c.values[r]; twice {
		d.doubled = append(d.doubled, d.cellName(levels))
		return
	}
	c.values[r] = x.response
	c.order = append(c.order, r)
}

func (f *factor) index(id addr.Level, label string) int {
	if i := slices.Index(f.ids, id); i >= 0 {
		return i
	}
	f.ids, f.levels = append(f.ids, id), append(f.levels, label)
	return len(f.ids) - 1
}

func (d *design) cellName(levels []int) string {
	parts := make([]string, len(levels))
	for i, l := range levels {
		parts[i] = d.factors[i].levels[l]
	}
	return strings.Join(parts, " + ")
}

// at returns the cell of levels, or -1.
func (d *design) at(levels []int) int {
	if i, ok := d.byLevels[fmt.Sprint(levels)]; ok {
		return i
	}
	return -1
}

// contrasts lists the family of a factorial: gaps to the baseline level, main
// effects, and two-way interactions.
func (d *design) contrasts() []contrast {
	var out []contrast
	out = append(out, d.gaps()...)
	if len(d.factors) > 1 {
		out = append(out, d.mains()...)
		out = append(out, d.interactions()...)
	}
	return out
}

// gaps compares each level with its factor's baseline: at every combination of
// the others in a design of one or two factors, at the baseline of the others
// in larger ones.
func (d *design) gaps() []contrast {
	var out []contrast
	for i, f := range d.factors {
		for l := range f.levels {
			if l == f.baseline {
				continue
			}
			for _, others := range d.settings(i) {
				c := contrast{kind: "gap", name: d.gapName(i, l, others), terms: []term{d.term(i, l)}, at: d.setting(others, i)}
				d.difference(&c, i, l, others, 1)
				out = append(out, c)
			}
		}
	}
	return out
}

// term says which level of a factor is compared with which.
func (d *design) term(i, l int) term {
	f := d.factors[i]
	return term{Factor: f.name, Level: f.levels[l], Baseline: f.levels[f.baseline]}
}

// setting names the levels of all factors but those that are compared.
func (d *design) setting(levels []int, compared ...int) map[string]string {
	out := make(map[string]string)
	for i, f := range d.factors {
		if !slices.Contains(compared, i) {
			out[f.name] = f.levels[levels[i]]
		}
	}
	return out
}

// settings lists the levels at which a factor's gaps are taken; the factor's
// own place is filled by the caller.
func (d *design) settings(i int) [][]int {
	base := d.base()
	if len(d.factors) != 2 {
		return [][]int{base}
	}
	other := 1 - i
	var out [][]int
	for l := range d.factors[other].levels {
		s := slices.Clone(base)
		s[other] = l
		out = append(out, s)
	}
	return out
}

// base is the baseline level of every factor.
func (d *design) base() []int {
	out := make([]int, len(d.factors))
	for j, f := range d.factors {
		out[j] = f.baseline
	}
	return out
}

func (d *design) gapName(i, l int, others []int) string {
	f := d.factors[i]
	name := f.levels[l] + " − " + f.levels[f.baseline]
	var at []string
	for j, o := range others {
		if j != i {
			at = append(at, d.factors[j].levels[o])
		}
	}
	if len(at) > 0 {
		name += " at " + strings.Join(at, ", ")
	}
	return name
}

// difference adds weight × (level l of factor i − its baseline), the other
// factors being as in others.
func (d *design) difference(c *contrast, i, l int, others []int, weight float64) {
	levels := slices.Clone(others)
	levels[i] = l
	d.weigh(c, levels, weight)
	levels[i] = d.factors[i].baseline
	d.weigh(c, levels, -weight)
}

func (d *design) weigh(c *contrast, levels []int, weight float64) {
	cell := d.at(levels)
	switch {
	case cell < 0:
		c.missing = append(c.missing, d.cellName(levels))
		return
	case !d.cells[cell].complete():
		c.missing = append(c.missing, fmt.Sprintf("%s (%s)", d.cellName(levels), d.cells[cell].rate()))
		return
	}
	if c.weights == nil {
		c.weights = make(map[int]float64)
	}
	c.weights[cell] += weight
}

// combinations lists all levels of the factors that are not fixed.
func (d *design) combinations(fixed ...int) [][]int {
	out := [][]int{make([]int, len(d.factors))}
	for j, f := range d.factors {
		if slices.Contains(fixed, j) {
			continue
		}
		var next [][]int
		for _, s := range out {
			for l := range f.levels {
				t := slices.Clone(s)
				t[j] = l
				next = append(next, t)
			}
		}
		out = next
	}
	return out
}

// mains averages each level's gap over all combinations of the others, each
// counting the same.
func (d *design) mains() []contrast {
	var out []contrast
	for i, f := range d.factors {
		for l := range f.levels {
			if l == f.baseline {
				continue
			}
			c := contrast{kind: "main", name: f.levels[l] + " − " + f.levels[f.baseline], terms: []term{d.term(i, l)}}
			all := d.combinations(i)
			for _, others := range all {
				d.difference(&c, i, l, others, 1/float64(len(all)))
			}
			out = append(out, c)
		}
	}
	return out
}

// interactions compares gaps: the gap of a level of one factor at a level of
// another, minus the gap at the other's baseline, averaged over the rest. The
// factor with more levels is the one whose gap is taken; of equals, the first.
func (d *design) interactions() []contrast {
	var out []contrast
	for i := range d.factors {
		for j := i + 1; j < len(d.factors); j++ {
			a, b := i, j
			if len(d.factors[b].levels) > len(d.factors[a].levels) {
				a, b = b, a
			}
			out = append(out, d.interactionsOf(a, b)...)
		}
	}
	return out
}

func (d *design) interactionsOf(a, b int) []contrast {
	var out []contrast
	fa, fb := d.factors[a], d.factors[b]
	for la := range fa.levels {
		for lb := range fb.levels {
			if la == fa.baseline || lb == fb.baseline {
				continue
			}
			c := contrast{kind: "interaction", name: fmt.Sprintf("%s: gap to %s under %s minus gap under %s",
				fa.levels[la], fa.levels[fa.baseline], fb.levels[lb], fb.levels[fb.baseline]),
				terms: []term{d.term(a, la), d.term(b, lb)}}
			rest := d.combinations(a, b)
			for _, others := range rest {
				w := 1 / float64(len(rest))
				others[b] = lb
				d.difference(&c, a, la, others, w)
				others[b] = fb.baseline
				d.difference(&c, a, la, others, -w)
			}
			out = append(out, c)
		}
	}
	return out
}

// rate says how many of a cell's trials diverged.
func (c *cellData) rate() string {
	return fmt.Sprintf("%d of %d diverged", c.diverged, c.diverged+len(c.order))
}

// atBaseline reports whether all factors of a setting stand at their baseline.
func (d *design) atBaseline(at map[string]string) bool {
	for _, f := range d.factors {
		if l, ok := at[f.name]; ok && l != f.levels[f.baseline] {
			return false
		}
	}
	return true
}
