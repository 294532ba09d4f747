package ml_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

// Dropout keeps the promised share, scales what it keeps, and its masks have no
// visible pattern between neighbours, keys and paths.
func TestDropoutShare(t *testing.T) {
	const n, rate = 1 << 16, 0.2
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	mask := func(path string, key ...uint32) []float32 {
		p := ml.Program{Name: "dropout", Inputs: []ml.Input{
			{Name: "x", Shape: []int{n / 64, 64}, DType: dtypes.Float32}, {Name: "key", Shape: []int{2}, DType: dtypes.Uint32},
		}, Build: func(in []*graph.Node) []*graph.Node {
			return []*graph.Node{ml.NewVars(nil, nil).Noisy(in[1]).Dropout(in[0], rate, path)}
		}}
		ones := make([]float32, n)
		for i := range ones {
			ones[i] = 1
		}
		x, err1 := ml.NewBuffer(b, p.Inputs[0].Shape, ones)
		k, err2 := ml.NewBuffer(b, []int{2}, key)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return firstOutput(t, b, p, x, k)
	}
	masks := map[string][]float32{
		"a": mask("a", 1, 2), "another path": mask("b", 1, 2), "another first word": mask("a", 2, 2), "another second word": mask("a", 1, 3),
	}
	agree := func(a, b []float32) float64 {
		same := 0
		for i := range a {
			if (a[i] == 0) == (b[i] == 0) {
				same++
			}
		}
		return float64(same) / float64(len(a))
	}
	const chance = rate*rate + (1-rate)*(1-rate)
	for name, m := range masks {
		dropped := 0
		for _, v := range m {
			switch {
			case v == 0:
				dropped++
			case math.Abs(float64(v)-1/(1-rate)) > 1e-6:
				t.Fatalf("%s: a kept element became %v", name, v)
			}
		}
		if share := float64(dropped) / n; math.Abs(share-rate) > 0.006 {
			t.Errorf("%s: dropped %v, want %v", name, share, rate)
		}
		if got := agree(m[1:], m[:n-1]); math.Abs(got-chance) > 0.008 {
			t.Errorf("%s: neighbours agree in %v, chance is %v", name, got, chance)
		}
		if name == "a" {
			continue
		}
		if got := agree(m, masks["a"]); math.Abs(got-chance) > 0.008 {
			t.Errorf("%s agrees with the first mask in %v, chance is %v", name, got, chance)
		}
	}
}

// Products of half precision round their results as they round their factors.
func TestProductsRoundTheirResults(t *testing.T) {
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := ml.Program{Name: "product", Inputs: []ml.Input{{Name: "x", Shape: []int{3, 50}, DType: dtypes.Float32}}, Build: func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{ml.NewVars(nil, nil).Multiplying(dtypes.BFloat16).Dot(in[0], []int{1}, nil, in[0], []int{1}, nil)}
	}}
	numbers := make([]float32, 150)
	for i := range numbers {
		numbers[i] = 1 / float32(3+i)
	}
	x, err := ml.NewBuffer(b, p.Inputs[0].Shape, numbers)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range firstOutput(t, b, p, x) {
		if math.Float32bits(v)&0xffff != 0 {
			t.Errorf("element %d of a product is %v, which bfloat16 does not have", i, v)
		}
	}
}

// firstOutput runs a program.
func firstOutput(t *testing.T, b compute.Backend, p ml.Program, inputs ...compute.Buffer) []float32 {
	t.Helper()
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Run(inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := ml.Float32s(out[0])
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}
