package answer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/stages/answer"
)

func TestDiffComparesMeansOfCommonNumbers(t *testing.T) {
	a, b := answer.Sample{}, answer.Sample{}
	a.Add(map[string]float64{"loss": 1, "only a": 5})
	a.Add(map[string]float64{"loss": 3})
	b.Add(map[string]float64{"loss": 5, "only b": 7, "none": 0})
	a["none"] = nil
	want := []answer.Difference{{Name: "loss", A: 2, B: 5, Difference: 3}}
	if diff := cmp.Diff(want, answer.Diff(a, b)); diff != "" {
		t.Errorf("Diff (-want +got):\n%s", diff)
	}
}
