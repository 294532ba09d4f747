package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// The family of main effects of 4 × 4 cells and three replicates, in many more studies
// than TestRatesOfClaims affords: only these contrasts are estimated.
func TestRatesOfMainEffects(t *testing.T) {
	many, tolerance := studies(400000)
	r := rand.New(rand.NewPCG(29, 3))
	claimed := 0
	mains := slices.DeleteFunc(design.New(study(r, 4, 3, noise{1, 1}, nothing), "r").Contrasts(false), func(c design.Contrast) bool { return c.Kind != "main" })
	for range many {
		d := design.New(study(r, 4, 3, noise{1, 1}, nothing), "r")
		m := estimate.NewModel(d, estimate.OwnError, 0.95)
		var f estimate.Family
		for _, c := range mains {
			f.Add(c, m.Contrast(c))
		}
		for _, a := range f.Adjust(0.95) {
			if misses(a.Low, a.High, 0) {
				claimed++
				break
			}
		}
	}
	got := float64(claimed) / float64(many)
	t.Logf("%d studies: a main effect is claimed in %.4f, standard error %.4f", many, got, math.Sqrt(got*(1-got)/float64(many)))
	if got > 0.05+tolerance {
		t.Errorf("a false claim in %.4f of studies, want at most 0.05", got)
	}
}
