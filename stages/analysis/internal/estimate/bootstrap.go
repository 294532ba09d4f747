package estimate

import (
	"math/rand/v2"
	"slices"

	"ablate/stages/analysis/internal/design"
)

// Bootstrap is a percentile bootstrap.
type Bootstrap struct {
	Resamples int
	Whole     bool // resample whole replicates, rather than the trials of each cell
}

// Interval is the percentile interval of a contrast. ok is false if its cells
// have too few trials, or do not share the replicates that are to be resampled.
// The random numbers are the same in every run.
func (b Bootstrap) Interval(c design.Contrast, cells []*design.Cell, confidence float64) (low, high float64, ok bool) {
	involved := sortedKeys(c.Weights)
	first := cells[involved[0]].Replicates
	for _, i := range involved {
		if len(cells[i].Values) < 2 || b.Whole && !sameSet(first, cells[i].Replicates) {
			return 0, 0, false
		}
	}
	draws := b.draw(parts(c, cells, involved, b.Whole))
	slices.Sort(draws)
	return quantile(draws, (1-confidence)/2), quantile(draws, (1+confidence)/2), true
}

// parts is what each trial contributes to a contrast, by cell. Whole replicates
// are in the same order in all cells.
func parts(c design.Contrast, cells []*design.Cell, involved []int, whole bool) [][]float64 {
	out := make([][]float64, len(involved))
	for j, i := range involved {
		order := cells[i].Replicates
		if whole {
			order = cells[involved[0]].Replicates
		}
		for _, r := range order {
			v, _ := cells[i].Value(r)
			out[j] = append(out[j], c.Weights[i]*v/float64(len(order)))
		}
	}
	return out
}

func (b Bootstrap) draw(parts [][]float64) []float64 {
	r := rand.New(rand.NewPCG(0x61626c617465, 1))
	draws := make([]float64, b.Resamples)
	for k := range draws {
		if b.Whole {
			for range parts[0] {
				i := r.IntN(len(parts[0]))
				for _, part := range parts {
					draws[k] += part[i]
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
	return draws
}

// quantile interpolates between sorted values.
func quantile(sorted []float64, p float64) float64 {
	x := p * float64(len(sorted)-1)
	i := int(x)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
}
