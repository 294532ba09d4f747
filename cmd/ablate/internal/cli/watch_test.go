package cli

import (
	"testing"

	"ablate/cmd/ablate/internal/ui"
)

// A cell in which a trial diverged has no mean.
func TestWatchedMeans(t *testing.T) {
	last, step := 2.0, 7
	shot := ui.Snapshot{Curves: ui.Curves{Curves: []ui.Curve{
		{Address: "a0", Last: &last}, {Address: "a1", Last: &last}, {Address: "b0", Last: &last}, {Address: "b1", Last: &last, Diverged: &step},
	}}}
	for _, c := range shot.Curves.Curves {
		shot.Study.Instances = append(shot.Study.Instances, &ui.Instance{
			Address: c.Address, Trial: true, State: ui.Cached, Factors: []ui.Factor{{Name: "norm", Level: c.Address[:1]}, {Name: "seed", Level: c.Address[1:]}},
		})
	}
	cells := watchedOf(shot).Cells
	if len(cells) != 2 || cells[0].Mean != "2.0000" || cells[1].Mean != "" {
		t.Errorf("the cells are %+v, want a mean of the first only", cells)
	}
}
