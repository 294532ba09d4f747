package answer_test

import (
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/stages/answer"
)

func named(t *testing.T, results ...[][]string) []string {
	t.Helper()
	var all []answer.Number
	for i, cells := range results {
		var r answer.Result
		for j, levels := range cells {
			mean := float64(10*i + j)
			r.Cells = append(r.Cells, answer.Cell{Levels: levels, N: 1, Mean: &mean})
		}
		of := addr.Instance{Stage: addr.Stage{Block: "analysis", Type: []string{"factorial", "dose"}[i], Name: "effects"}}
		all = append(all, r.Numbers(of, cache.Key{})...)
	}
	list, err := answer.Name(all)
	if err != nil {
		t.Fatal(err)
	}
	var means []string
	for _, n := range list {
		if strings.HasSuffix(n.Name, "/mean") {
			means = append(means, n.Name)
		}
	}
	return means
}

// Different cells have different names, however alike their levels are. Other cells
// keep their plain names.
func TestNamesAreInjective(t *testing.T) {
	cells := [][]string{{"x", "y-z"}, {"x-y", "z"}, {"x y", "z"}, {"X", "y z"}, {"α"}, {"β"}, {"plain", "cell"}}
	names := named(t, cells)
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(cells) {
		t.Errorf("%d cells have the names %v", len(cells), names)
	}
	if last := names[len(names)-1]; last != "effects/cell/plain-cell/mean" {
		t.Errorf("a plain cell is named %s", last)
	}
	slices.Reverse(cells)
	again := named(t, cells)
	slices.Reverse(again)
	if !slices.Equal(names, again) {
		t.Errorf("names depend on the order:\n%v\n%v", names, again)
	}
}

// Analyses of one name and different types are told apart.
func TestAnalysesOfOneName(t *testing.T) {
	names := named(t, [][]string{{"a"}}, [][]string{{"a"}})
	if len(names) != 2 || names[0] == names[1] {
		t.Errorf("two analyses have the numbers %v", names)
	}
}
