package norm

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/express"
	"ablate/stages/internal/ml"
)

// blended runs a Derf with an ema_blend of λ on x with a given σ.
func blended(t *testing.T, blend *EMABlend, alpha, sigma float32, x []float32) []float32 {
	t.Helper()
	n := &Derf{Alpha: everywhere(1), Shift: true, Bias: true, EMABlend: blend}
	in := [][]float32{x}
	for _, q := range n.Params("n", FFN, len(x)) {
		values := make([]float32, 1)
		switch q.Path {
		case "n.gamma", "n.beta":
			values = make([]float32, len(x))
			for i := range values {
				values[i] = float32(q.Init.Value)
			}
		case "n.alpha":
			values[0] = alpha
		case "n.sigma":
			values[0] = sigma
		}
		in = append(in, values)
	}
	return execute(t, program(n, 1, len(x), false), in)[1]
}

func TestBlendOfNothingIsDerf(t *testing.T) {
	x := ml.NewStream(0, "blend").Normals(64, 3)
	plain := blended(t, nil, 0.5, 0, x)
	for i, v := range blended(t, &EMABlend{Lambda: 0, Momentum: 0.5}, 0.5, 7, x) {
		if math.Float32bits(v) != math.Float32bits(plain[i]) {
			t.Fatalf("λ = 0 gives %v at %v, Derf %v", v, x[i], plain[i])
		}
	}
}

func TestBlendAtDeviationOne(t *testing.T) {
	x := ml.NewStream(0, "blend").Normals(64, 3)
	plain := blended(t, nil, 0.5, 0, x)
	for _, lambda := range []float64{0.1, 0.5, 0.9, 1} {
		for i, v := range blended(t, &EMABlend{Lambda: lambda, Momentum: 0.5}, 0.5, 1, x) {
			if math.Abs(float64(v-plain[i])) > 2e-7 {
				t.Fatalf("σ = 1, λ = %v gives %v at %v, Derf %v", lambda, v, x[i], plain[i])
			}
		}
	}
}

// Equation 2 of arXiv 2604.01563: the blend is Derf with α (1 − λ + λ/σ).
func TestBlendIsAnotherAlpha(t *testing.T) {
	x := ml.NewStream(0, "blend").Normals(64, 3)
	for sigma, alpha := range map[float32]float32{0.1: 4.55, 0.5: 0.95, 1: 0.5, 2: 0.275, 10: 0.095} {
		other := blended(t, nil, alpha, 0, x)
		for i, v := range blended(t, &EMABlend{Lambda: 0.9, Momentum: 0.5}, 0.5, sigma, x) {
			if math.Abs(float64(v-other[i])) > 1e-6 {
				t.Fatalf("σ = %v gives %v at %v, α = %v gives %v", sigma, v, x[i], alpha, other[i])
			}
		}
	}
}

// The running deviation of unequal micro-batches is that of the whole.
func TestRefresh(t *testing.T) {
	const n = 40
	a, b := ml.NewStream(0, "a").Normals(n, 1), ml.NewStream(0, "b").Normals(n, 4)
	for i := range b {
		b[i] += 10
	}
	e := &EMABlend{Lambda: 0.9, Momentum: 0.25}
	p := ml.Program{Name: "refresh", Build: func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{e.refresh(in[0], in[1:])}
	}}
	for _, name := range []string{"sigma", "a", "b"} {
		input := ml.Input{Name: name, Shape: []int{n}, DType: dtypes.Float32}
		if name == "sigma" {
			input.Shape = nil
		}
		p.Inputs = append(p.Inputs, input)
	}
	got := float64(execute(t, p, [][]float32{{3}, a, b})[0][0])
	sum, square := 0.0, 0.0
	for _, v := range append(a, b...) {
		sum += float64(v)
		square += float64(v) * float64(v)
	}
	mean := sum / (2 * n)
	want := 0.75*3 + 0.25*math.Sqrt(square/(2*n)-mean*mean)
	if math.Abs(got-want) > 1e-5 {
		t.Errorf("σ = %v, want %v", got, want)
	}
}

func TestAsinh(t *testing.T) {
	x := []float32{-1e6, -300, -1, -1e-4, 0, 1e-7, 0.5, 20, 1e5}
	p := ml.Program{Name: "asinh", Inputs: []ml.Input{{Name: "x", Shape: []int{len(x)}, DType: dtypes.Float32}},
		Build: func(in []*graph.Node) []*graph.Node {
			y := express.Asinh(in[0])
			return append([]*graph.Node{y}, graph.Gradient(graph.ReduceAllSum(y), in[0])...)
		}}
	out := execute(t, p, [][]float32{x})
	for i, v := range x {
		z := float64(v)
		if want := math.Asinh(z); math.Abs(float64(out[0][i])-want) > 1e-6*math.Abs(want) {
			t.Errorf("express.Asinh(%v) = %v, want %v", v, out[0][i], want)
		}
		if want := 1 / math.Sqrt(z*z+1); math.Abs(float64(out[1][i])-want) > 1e-5*want {
			t.Errorf("slope of asinh at %v = %v, want %v", v, out[1][i], want)
		}
	}
}
