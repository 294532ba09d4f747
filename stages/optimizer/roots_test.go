package optimizer

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// Between the inverse fourth roots of G Gᵀ and Gᵀ G, G itself is orthogonal: its
// singular values are 1. So it is in float32 with the defaults, whatever the shape
// and the size of G, though one of the two matrices is singular but for ε.
func TestRootsOrthogonalize(t *testing.T) {
	s := newShampoo()
	for _, shape := range [][]int{{64, 16}, {16, 64}, {48, 48}, {1, 7}} {
		for _, size := range []float64{1e-4, 1, 1e4} {
			t.Run(fmt.Sprint(shape, size), func(t *testing.T) {
				p := ml.Program{Name: "roots", Inputs: []ml.Input{{Name: "g", Shape: shape, DType: dtypes.Float32}},
					Build: func(in []*Node) []*Node {
						g := MulScalar(in[0], size)
						left := s.root(DotGeneral(g, []int{1}, nil, g, []int{1}, nil))
						right := s.root(DotGeneral(g, []int{0}, nil, g, []int{0}, nil))
						o := DotProduct(DotProduct(left, g), right)
						if shape[0] > shape[1] {
							o = Transpose(o, 0, 1)
						}
						return []*Node{DotProduct(o, Transpose(o, 0, 1))}
					}}
				short := min(shape[0], shape[1])
				g := ml.NewStream(0, "roots").Normals(shape[0]*shape[1], 1)
				for i, v := range execute(t, p, g)[0] {
					want := 0.0
					if i%(short+1) == 0 {
						want = 1
					}
					if apart := math.Abs(float64(v) - want); !(apart <= 0.02) {
						t.Fatalf("element %d of O Oᵀ = %v, want %v", i, v, want)
					}
				}
			})
		}
	}
}
