package optimizer_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/optimizer"
)

// An optimizer names the tensors that it keeps for a parameter, and updates value
// and state from the gradient. The schedule's factor arrives with the clock.
func Example() {
	var o optimizer.Optimizer = &optimizer.SGD{LearningRate: 0.1, Momentum: 0.9}
	weight := ml.Param{Path: "w", Shape: []int{2}, Role: ml.RoleVector}
	fmt.Println("state:", o.State(weight))

	update := ml.Program{
		Name: "update",
		Inputs: []ml.Input{
			{Name: "step", DType: dtypes.Int32}, {Name: "multiplier", DType: dtypes.Float32},
			{Name: "value", Shape: weight.Shape, DType: dtypes.Float32}, {Name: "gradient", Shape: weight.Shape, DType: dtypes.Float32},
			{Name: "momentum", Shape: weight.Shape, DType: dtypes.Float32},
		},
		Build: func(in []*graph.Node) []*graph.Node {
			value, state := o.Update(weight, in[2], in[3], in[4:], optimizer.Clock{Step: in[0], Multiplier: in[1]})
			return append([]*graph.Node{value}, state...)
		},
	}
	value, momentum := []float32{1, 2}, []float32{0, 0}
	for step := range int32(2) {
		var err error
		if value, momentum, err = run(update, step, value, []float32{1, -1}, momentum); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("value %.2f, momentum %.2f\n", value, momentum)
	}
	// Output:
	// state: [momentum]
	// value [0.90 2.10], momentum [1.00 -1.00]
	// value [0.71 2.29], momentum [1.90 -1.90]
}

// run computes one update with a multiplier of 1.
func run(p ml.Program, step int32, tensors ...[]float32) (value, state []float32, err error) {
	b, err := backend.Open("go", 1)
	if err != nil {
		return nil, nil, err
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		return nil, nil, err
	}
	defer e.Finalize()
	args := make([]compute.Buffer, len(p.Inputs))
	if args[0], err = ml.NewBuffer(b, nil, []int32{step}); err != nil {
		return nil, nil, err
	}
	for i, values := range append([][]float32{{1}}, tensors...) {
		if args[i+1], err = ml.NewBuffer(b, p.Inputs[i+1].Shape, values); err != nil {
			return nil, nil, err
		}
	}
	out, err := e.Run(args, nil)
	if err != nil {
		return nil, nil, err
	}
	if value, err = ml.Float32s(out[0]); err != nil {
		return nil, nil, err
	}
	state, err = ml.Float32s(out[1])
	return value, state, err
}
