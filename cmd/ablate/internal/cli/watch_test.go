package cli

import (
	"fmt"
	"slices"
	"testing"

	"ablate/cmd/ablate/internal/ui"
)

// A cell in which a trial diverged has no mean.
func TestWatchedMeans(t *testing.T) {
	last, step := 2.0, 7
	shot := ui.Snapshot{Curves: ui.Curves{Curves: []ui.Curve{
		{Address: "t[a0", Last: &last}, {Address: "t[a1", Last: &last}, {Address: "t[b0", Last: &last}, {Address: "t[b1", Last: &last, Diverged: &step},
	}}}
	for _, c := range shot.Curves.Curves {
		shot.Study.Instances = append(shot.Study.Instances, &ui.Instance{
			Address: c.Address, Trial: true, State: ui.Cached, Factors: []ui.Factor{{Name: "norm", Level: c.Address[2:3]}, {Name: "seed", Level: c.Address[3:]}},
		})
	}
	cells := watchedOf(shot).Cells
	if len(cells) != 2 || cells[0].Mean != "2.0000" || cells[1].Mean != "" {
		t.Errorf("the cells are %+v, want a mean of the first only", cells)
	}
}

// Cells of two stages are not one cell, though they have the same levels. The mean is of the
// trials that are done, as on the page.
func TestWatchedStages(t *testing.T) {
	var shot ui.Snapshot
	add := func(address, seed string, state ui.State, last float64, factors ...ui.Factor) {
		shot.Curves.Curves = append(shot.Curves.Curves, ui.Curve{Address: address, Last: &last})
		shot.Study.Instances = append(shot.Study.Instances, &ui.Instance{Address: address, Trial: true, State: state,
			Factors: append(factors, ui.Factor{Name: "seed", Level: seed})})
	}
	rms, wide := ui.Factor{Name: "norm", Level: "rms"}, ui.Factor{Name: "width", Level: "9"}
	add(`train.lm.short["norm=rms,seed=1"]`, "1", ui.Cached, 1, rms)
	add(`train.lm.short["norm=rms,seed=2"]`, "2", ui.Running, 7, rms)
	add(`train.lm.wide["norm=rms,seed=1,width=9"]`, "1", ui.Running, 5, rms, wide)
	add(`train.lm.short["norm=rms,seed=3"]`, "3", ui.Cached, 2, rms) // its stage has no width, which is known by now
	got := watchedOf(shot)
	if want := []string{"stage", "norm", "width"}; !slices.Equal(got.Factors, want) {
		t.Errorf("the factors are %q, want %q", got.Factors, want)
	}
	if len(got.Cells) != 2 || got.Cells[0].Mean != "1.5000" || got.Cells[0].Marks != "✓▶✓" || got.Cells[1].Mean != "5.0000" {
		t.Errorf("the cells are %+v, want one of each stage", got.Cells)
	}
}

// A factor may have the name of the column of stages.
func TestWatchedFactorCalledStage(t *testing.T) {
	var shot ui.Snapshot
	for _, stage := range []string{"train.lm.a", "train.lm.b"} {
		for _, level := range []string{"early", "late"} {
			shot.Study.Instances = append(shot.Study.Instances, &ui.Instance{Address: fmt.Sprintf("%s[%q]", stage, "stage="+level), Trial: true,
				State: ui.Cached, Factors: []ui.Factor{{Name: "stage", Level: level}}})
		}
	}
	got := watchedOf(shot)
	if want := []string{"stage", "stage"}; !slices.Equal(got.Factors, want) || len(got.Cells) != 4 || !slices.Equal(got.Cells[3].Levels, []string{"train.lm.b", "late"}) {
		t.Errorf("the factors are %q and the cells %+v, want %q and a cell of each level in each stage", got.Factors, got.Cells, want)
	}
}
