package optimizer

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// clipCase is one of testdata/qkclip.py: an implementation in float64 that has nothing
// in common with this package.
type clipCase struct {
	Name            string
	Rows, Columns   int
	Scores          []float32
	KeyHeads        int `json:"key_heads"`
	Parts, Others   int
	Limit           float64
	Weight, Clipped []float32
}

func TestClipQueryKey(t *testing.T) {
	raw, err := os.ReadFile("testdata/qkclip.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []clipCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("qkclip.json has no cases")
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			shape := []int{c.Rows, c.Columns}
			if c.Columns == 1 { // a bias
				shape = shape[:1]
			}
			p := ml.Program{Name: "clip", Inputs: []ml.Input{
				{Name: "weight", Shape: shape, DType: dtypes.Float32}, {Name: "scores", Shape: []int{len(c.Scores)}, DType: dtypes.Float32},
			}}
			p.Build = func(in []*Node) []*Node {
				return []*Node{ClipQueryKey(in[0], in[1], c.KeyHeads, c.Parts, c.Others, c.Limit)}
			}
			near(t, "the weight", 0, compiled(t, p)(c.Weight, c.Scores)[0], c.Clipped)
		})
	}
}
