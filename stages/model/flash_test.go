package model

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

// attention is a way to compute it, with 2 sequences, 4 query heads over 2 key
// heads, and heads of width 6.
type attention func(q, k, v *Node, vars ml.Vars) *Node

// slopes runs attention on T positions: the result, its gradients with respect
// to q, k and v, and the tapped score.
func (f attention) slopes(t *testing.T, length int, dot dtypes.DType, whole *bool) [][]float32 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	shapes := [][]int{{2, 4, length, 6}, {2, 2, length, 6}, {2, 2, length, 6}, {2, 4, length, 6}}
	p := ml.Program{Name: "attention", Inputs: []ml.Input{{Name: "noise", Shape: []int{2}, DType: dtypes.Uint32}}}
	key, err := ml.NewBuffer(b, []int{2}, []uint32{5, 7})
	if err != nil {
		t.Fatal(err)
	}
	args := []compute.Buffer{key}
	for i, s := range shapes {
		p.Inputs = append(p.Inputs, ml.Input{Name: fmt.Sprint(i), Shape: s, DType: dtypes.Float32})
		buf, err := ml.NewBuffer(b, s, ml.NewStream(int64(i), "init").Normals(s[0]*s[1]*s[2]*s[3], 1.5))
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, buf)
	}
	p.Build = func(in []*Node) []*Node {
		top := ScalarZero(in[1].Graph(), dtypes.Float32)
		vars := ml.NewVars(nil, nil).Multiplying(dot).Noisy(in[0]).Watched(func(path string, x *Node) {
			if path == "a"+Scores {
				x = ReduceAllMax(Abs(Where(BroadcastToDims(Reshape(LowerTriangular(x.Graph(), length), 1, 1, length, length), x.Shape().Dimensions...), x, ZerosLike(x))))
			}
			top = x
		})
		out := f(in[1], in[2], in[3], vars)
		slopes := Gradient(ReduceAllSum(Mul(out, Sin(mergeHeads(in[4])))), in[1], in[2], in[3])
		for _, n := range out.Graph().Nodes() {
			if whole != nil && n.NumOutputs() == 1 && n.DType() == dtypes.Float32 && n.Shape().Size() == 2*4*length*length {
				*whole = true
			}
		}
		return append(slopes, out, top)
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatal(err)
	}
	bufs, err := e.Run(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, len(bufs))
	for i, buf := range bufs {
		if out[i], err = ml.Float32s(buf); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func near(t *testing.T, got, want [][]float32, tolerance float64) {
	t.Helper()
	for i, name := range []string{"dq", "dk", "dv", "result", "largest score"} {
		worst, size := 0.0, 0.0
		for j, w := range want[i] {
			worst, size = max(worst, math.Abs(float64(got[i][j]-w))), max(size, math.Abs(float64(w)))
		}
		if size == 0 || !(worst <= tolerance*size) {
			t.Errorf("%s differs by %.3g, its largest element is %.3g", name, worst, size)
		}
	}
}

func whole(q, k, v *Node, vars ml.Vars) *Node {
	return attend(plain, q, k, v, LowerTriangular(q.Graph(), q.Shape().Dimensions[2]), 0, "a", vars)
}

func blocks(size int, dropout float64) attention {
	return func(q, k, v *Node, vars ml.Vars) *Node {
		return mergeHeads(flash{size, dropout, "a", vars}.attend(q, k, v))
	}
}

// In blocks attention is what it is as a whole, with its gradients, whatever
// the length of the blocks.
func TestFlash(t *testing.T) {
	for dot, tolerance := range map[dtypes.DType]float64{dtypes.Float32: 5e-6, dtypes.BFloat16: 3e-2} {
		for _, length := range []int{2, 7, 12} {
			want := attention(whole).slopes(t, length, dot, nil)
			for _, size := range []int{1, 4, 5, 12, 512} {
				t.Run(fmt.Sprint(dot, " ", length, " in ", size), func(t *testing.T) {
					near(t, blocks(size, 0).slopes(t, length, dot, nil), want, tolerance)
				})
			}
		}
	}
}

// With dropout the gradient is the one that differentiating the forward pass
// gives: the backward pass drops what the forward pass dropped.
func TestFlashDropout(t *testing.T) {
	derived := attention(func(q, k, v *Node, vars ml.Vars) *Node {
		out, _ := flash{5, 0.3, "a", vars}.forward(q, k, v)
		return mergeHeads(out)
	})
	want := derived.slopes(t, 12, dtypes.Float32, nil)
	near(t, blocks(5, 0.3).slopes(t, 12, dtypes.Float32, nil), want, 5e-6)
	none := blocks(5, 0).slopes(t, 12, dtypes.Float32, nil)
	if none[3][40] == want[3][40] && none[3][100] == want[3][100] {
		t.Error("nothing was dropped")
	}
}

// The scores of all heads never are in one array, forward or backward.
func TestFlashNeverHoldsAllScores(t *testing.T) {
	for _, tt := range []struct {
		how  attention
		want bool
	}{{whole, true}, {blocks(5, 0), false}} {
		got := false
		tt.how.slopes(t, 13, dtypes.Float32, &got)
		if got != tt.want {
			t.Errorf("all scores are held: %v, want %v", got, tt.want)
		}
	}
}
