package analysis

import (
	"math/rand/v2"
	"slices"

	"ablate/hcl/diag"
)

// Bootstrap asks for percentile intervals beside those of t.
type Bootstrap struct {
	Resamples int    `hcl:"resamples,optional" doc:"How many."`
	Resample  string `hcl:"resample,optional" doc:"What is drawn again: whole \"replicates\", or trials \"within_cells\"."`
}

// SetDefaults fills a bootstrap block.
func (b *Bootstrap) SetDefaults() { *b = Bootstrap{Resamples: 10000, Resample: "replicates"} }

// cautious is the number of replicates below which a bootstrap claims too much.
const cautious = 6

func (b *Bootstrap) validate() diag.List {
	var list diag.List
	if b.Resamples < 100 {
		list = append(list, diag.Errorf(diag.Path{"bootstrap", "resamples"}, "Out of range", "resamples must be at least 100, not %d.", b.Resamples)...)
	}
	if b.Resample != "replicates" && b.Resample != "within_cells" {
		list = append(list, diag.Errorf(diag.Path{"bootstrap", "resample"}, "Out of range", "resample is \"replicates\" or \"within_cells\", not %q.", b.Resample)...)
	}
	return list
}

// interval is the percentile interval of a contrast; ok is false where whole
// replicates cannot be drawn because the cells do not share them. The draws are
// the same in every run.
func (b *Bootstrap) interval(c contrast, cells []*cellData, confidence float64) (low, high float64, ok bool) {
	involved := sortedKeys(c.weights)
	first := cells[involved[0]].order
	for _, i := range involved {
		if len(cells[i].order) < 2 || b.Resample == "replicates" && !sameSet(first, cells[i].order) {
			return 0, 0, false
		}
	}
	// What each trial adds to the contrast, a row a cell.
	parts := make([][]float64, len(involved))
	for j, i := range involved {
		order := cells[i].order
		if b.Resample == "replicates" {
			order = first
		}
		for _, rep := range order {
			parts[j] = append(parts[j], c.weights[i]*cells[i].values[rep]/float64(len(order)))
		}
	}
	r := rand.New(rand.NewPCG(0x61626c617465, 1))
	draws := make([]float64, b.Resamples)
	for k := range draws {
		if b.Resample == "replicates" {
			for range first {
				rep := r.IntN(len(first))
				for _, part := range parts {
					draws[k] += part[rep]
				}
			}
			continue
		}
		for _, part := range parts {
			for range part {
				draws[k] += part[r.IntN(len(part))]
			}
		}
	}
	slices.Sort(draws)
	at := func(p float64) float64 {
		x := p * float64(len(draws)-1)
		i := int(x)
		if i+1 == len(draws) {
			return draws[i]
		}
		return draws[i] + (x-float64(i))*(draws[i+1]-draws[i])
	}
	return at((1 - confidence) / 2), at((1 + confidence) / 2), true
}
