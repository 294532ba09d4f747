package design_test

import (
	"slices"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
)

func ref(name, key string) addr.Level {
	return addr.Level{Kind: "ref", Ref: addr.Instance{Stage: addr.Stage{Block: "norm", Type: "derf", Name: name}, Key: key}}
}

// Levels of one label get a suffix: the part of their address that differs.
func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		levels []design.Level
		want   []string
	}{
		{[]design.Level{{ID: ref("a", "0.1"), Label: "Derf"}, {ID: ref("a", "0.3"), Label: "Derf"}, {ID: ref("b", ""), Label: "other"}}, []string{"Derf (0.1)", "Derf (0.3)", "other"}},
		{[]design.Level{{ID: ref("a", ""), Label: "Derf"}, {ID: ref("b", ""), Label: "Derf"}}, []string{"Derf (a)", "Derf (b)"}},
		{[]design.Level{{ID: addr.Level{Kind: "string", Text: "1"}, Label: "1"}, {ID: addr.Level{Kind: "number", Text: "1"}, Label: "1"}}, []string{"1 (string 1)", "1 (number 1)"}},
	} {
		got := design.Labels(tt.levels)
		if len(got) != len(tt.want) || got[0] == got[1] {
			t.Errorf("Labels = %q, want %q", got, tt.want)
		}
		if tt.levels[0].ID.Kind == "ref" && !slices.Equal(got, tt.want) {
			t.Errorf("Labels = %q, want %q", got, tt.want)
		}
	}
}

// Two levels of one label are two cells, each with its own trials.
func TestEqualLabelsAreTwoCells(t *testing.T) {
	table := design.NewTable([]string{"norm", "seed"}, "seed")
	for i, key := range []string{"0.1", "0.3"} {
		for _, seed := range []string{"1", "2"} {
			table.Add(design.Trial{Response: float64(i)},
				design.Level{ID: ref("a", key), Label: "Derf"}, design.Level{ID: addr.Level{Kind: "number", Text: seed}, Label: seed})
		}
	}
	d := design.New(table, "seed")
	if len(d.Cells) != 2 || d.Cells[0].Values[0] != 0 || d.Cells[1].Values[1] != 1 || d.CellName([]int{1}) != "Derf (0.3)" {
		t.Errorf("%d cells, the second is %q with %v", len(d.Cells), d.CellName([]int{1}), d.Cells[1].Values)
	}
}

// A text means a level by its text, its label, the label that tables show, its
// number, or its stage, in this order.
func TestMatch(t *testing.T) {
	text := func(s string) addr.Level { return addr.Level{Kind: "string", Text: s} }
	levels := []design.Level{
		{ID: ref("a", "0.1"), Label: "Derf"}, {ID: ref("a", "0.3"), Label: "Derf"}, {ID: ref("b", ""), Label: "other"},
		{ID: text("1e5"), Label: "1e5"}, {ID: text("100000"), Label: "100000"}, {ID: text(""), Label: ""}, {ID: text("other"), Label: "x"},
	}
	for want, indexes := range map[string][]int{
		"Derf (0.1)": {0}, "Derf": {0, 1}, "derf.a:0.3": {1}, "a": {0, 1}, "b": {2}, "derf": {0, 1, 2}, "OTHER": {2},
		"other": {6}, "x": {6}, "1e5": {3}, "1.0e5": {3, 4}, "": {5}, "(empty)": {5}, "c": nil, "1": nil,
	} {
		if got := design.Match(levels, text(want)); !slices.Equal(got, indexes) {
			t.Errorf("Match(%q) = %v, want %v", want, got, indexes)
		}
	}
}
