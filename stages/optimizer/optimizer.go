// Package optimizer holds the update rules of the study.
//
// Weights are [out, in]; rules that look at a matrix's shape say which side
// they mean.
package optimizer

import (
	"encoding/json"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Optimizer is an update rule as part of a train step.
type Optimizer interface {
	// State names the tensors that the rule keeps for a parameter. Each has the
	// parameter's shape and starts at zero.
	State(p ml.Param) []string
	// Update returns the new value and state of a parameter from its gradient,
	// all of the parameter's shape, float32.
	Update(p ml.Param, value, grad *graph.Node, state []*graph.Node, at Clock) (*graph.Node, []*graph.Node)
}

// Clock is the place of a step in the run.
type Clock struct {
	Step       *graph.Node // int32 scalar, from 0
	Multiplier *graph.Node // float32 scalar: the schedule's factor of the learning rate
}

// rate is the learning rate of the step, a float64 scalar.
func (c Clock) rate(base float64) *graph.Node {
	return graph.MulScalar(graph.ConvertDType(c.Multiplier, dtypes.Float64), base)
}

// correction is 1 − βᵗ⁺¹, a float64 scalar: what an average that started at
// zero lacks.
func (c Clock) correction(beta float64) *graph.Node {
	t := graph.AddScalar(graph.ConvertDType(c.Step, dtypes.Float64), 1)
	return graph.OneMinus(graph.Pow(graph.Scalar(t.Graph(), dtypes.Float64, beta), t))
}

// single rounds a float64 scalar to float32.
func single(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float32) }

// Kinds lists the stages of block optimizer.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{
		{Block: "optimizer", Type: "adamw", Version: 1, Definition: true,
			Doc: "Adam with decoupled weight decay, which falls on parameters of two or more dimensions only.",
			New: func() pipeline.Stage { return newAdamW() }},
		{Block: "optimizer", Type: "muon", Version: 1, Definition: true,
			Doc: "Momentum orthogonalized by Newton-Schulz iterations for hidden matrices; AdamW for everything else.",
			New: func() pipeline.Stage {
				return &Muon{LearningRate: 0.02, Momentum: 0.95, Nesterov: true, Iterations: 5, Scale: "jordan", AdamW: newAdamW()}
			}},
	}
}

// alone is a rule by itself on one parameter of each role.
func alone(o Optimizer) ml.Program {
	params := []ml.Param{
		{Path: "matrix", Shape: []int{6, 4}, Role: ml.RoleMatrix},
		{Path: "embedding", Shape: []int{6, 4}, Role: ml.RoleEmbedding},
		{Path: "vector", Shape: []int{4}, Role: ml.RoleVector},
	}
	p := ml.Program{Name: "optimizer", Inputs: []ml.Input{
		{Name: "step", DType: dtypes.Int32}, {Name: "multiplier", DType: dtypes.Float32},
	}}
	add := func(name string, shape []int) {
		p.Inputs = append(p.Inputs, ml.Input{Name: name, Shape: shape, DType: dtypes.Float32})
	}
	for _, q := range params {
		add(q.Path, q.Shape)
		add(q.Path+".grad", q.Shape)
		for _, s := range o.State(q) {
			add(q.Path+"."+s, q.Shape)
		}
	}
	p.Build = func(in []*graph.Node) []*graph.Node {
		at, rest := Clock{in[0], in[1]}, in[2:]
		var out []*graph.Node
		for _, q := range params {
			n := len(o.State(q))
			value, state := o.Update(q, rest[0], rest[1], rest[2:2+n], at)
			out = append(append(out, value), state...)
			rest = rest[2+n:]
		}
		return out
	}
	return p
}

// describe is Describe for all rules.
func describe(o Optimizer, in pipeline.Inputs, kind string) (pipeline.Recipe, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	what := cache.Map(map[string]cache.Value{
		"part": cache.String("optimizer"), "type": cache.String(kind), "spec": cache.String(string(raw)),
	})
	d, err := in.Memo.Digest(what, func() (cache.Digest, error) { return ml.Fingerprint(alone(o)) })
	if err != nil {
		return pipeline.Recipe{}, fmt.Errorf("fingerprinting optimizer %s: %w", kind, err)
	}
	return pipeline.Recipe{
		Code:    cache.Map(map[string]cache.Value{"optimizer": cache.DigestValue(d)}),
		Outputs: pipeline.DefinitionOutputs(),
	}, nil
}

// checks collects range errors.
type checks struct{ list diag.List }

func (c *checks) that(ok bool, name, want string, got any) {
	if !ok {
		c.list = append(c.list, diag.Errorf(diag.Path{name}, "Out of range", "%s must be %s, not %v.", name, want, got)...)
	}
}
