package norm_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// A norm declares the parameters of a site and applies itself to a node of the
// graph. The program that contains it is compiled and run on a backend.
func Example() {
	var n norm.Norm = &norm.RMSNorm{Eps: 1e-6}
	params := n.Params("layer0.norm", norm.FFN, 2)
	for _, p := range params {
		fmt.Printf("%s %v starts at %v\n", p.Path, p.Shape, p.Init.Value)
	}

	program := ml.Program{
		Name: "norm",
		Inputs: []ml.Input{
			{Name: "x", Shape: []int{1, 2}, DType: dtypes.Float32},
			{Name: params[0].Path, Shape: params[0].Shape, DType: dtypes.Float32},
		},
		Build: func(in []*graph.Node) []*graph.Node {
			return []*graph.Node{n.Apply(in[0], "layer0.norm", ml.NewVars(params, in[1:]))}
		},
	}
	y, err := evaluate(program, []float32{3, 4}, []float32{1, 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", y)
	// Output:
	// layer0.norm.gamma [2] starts at 1
	// [0.8485 1.1314]
}

// The fingerprint of a program depends on its mathematics only. It is part of the
// keys of trials, so that a norm with another formula is trained again.
func Example_fingerprint() {
	fingerprint := func(n norm.Norm) string {
		params := n.Params("n", norm.FFN, 8)
		p := ml.Program{Name: "norm", Inputs: []ml.Input{{Name: "x", Shape: []int{1, 8}, DType: dtypes.Float32}}}
		for _, q := range params {
			p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32})
		}
		p.Build = func(in []*graph.Node) []*graph.Node {
			return []*graph.Node{n.Apply(in[0], "n", ml.NewVars(params, in[1:]))}
		}
		d, err := ml.Fingerprint(p)
		if err != nil {
			log.Fatal(err)
		}
		return d.String()
	}
	a := fingerprint(&norm.RMSNorm{Eps: 1e-5})
	fmt.Println(a == fingerprint(&norm.RMSNorm{Eps: 1e-5}), a == fingerprint(&norm.RMSNorm{Eps: 1e-6}))
	// Output: true false
}

// evaluate runs a program with one output.
func evaluate(p ml.Program, inputs ...[]float32) ([]float32, error) {
	b, err := backend.Open("go", 1)
	if err != nil {
		return nil, err
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		return nil, err
	}
	defer e.Finalize()
	args := make([]compute.Buffer, len(inputs))
	for i, values := range inputs {
		if args[i], err = ml.NewBuffer(b, p.Inputs[i].Shape, values); err != nil {
			return nil, err
		}
	}
	out, err := e.Run(args, nil)
	if err != nil {
		return nil, err
	}
	return ml.Float32s(out[0])
}
