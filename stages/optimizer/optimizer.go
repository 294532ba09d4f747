// Package optimizer holds the update rules of the study.
//
// Weights are [out, in]; rules that look at a matrix's shape say which side
// they mean.
package optimizer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Optimizer is an update rule as part of a train step.
type Optimizer interface {
	// State names the tensors that the rule keeps for a parameter. They start at
	// zero, and have the parameter's shape unless the rule is shaped.
	State(p ml.Param) []string
	// Update returns the new value and state of a parameter from its gradient.
	// All are float32; value and gradient have the parameter's shape.
	Update(p ml.Param, value, grad *graph.Node, state []*graph.Node, at Clock) (*graph.Node, []*graph.Node)
}

// joint is an Optimizer that works on parameters together.
type joint interface {
	// UpdateAll is Update of many parameters.
	UpdateAll(params []ml.Param, values, grads []*graph.Node, states [][]*graph.Node, at Clock) ([]*graph.Node, [][]*graph.Node)
}

// Working is an Optimizer whose update needs memory of its own.
type Working interface {
	// Scratch is about how many bytes it needs at a time, beside gradients and
	// state.
	Scratch(params []ml.Param) int64
}

// UpdateAll applies a rule to the parameters of a step.
func UpdateAll(o Optimizer, params []ml.Param, values, grads []*graph.Node, states [][]*graph.Node, at Clock) ([]*graph.Node, [][]*graph.Node) {
	if j, ok := o.(joint); ok {
		return j.UpdateAll(params, values, grads, states, at)
	}
	newValues, newStates := make([]*graph.Node, len(params)), make([][]*graph.Node, len(params))
	for i, p := range params {
		newValues[i], newStates[i] = o.Update(p, values[i], grads[i], states[i], at)
	}
	return newValues, newStates
}

// Clock is the place of a step in the run.
type Clock struct {
	Step       *graph.Node // int32 scalar, from 0
	Multiplier *graph.Node // float32 scalar: the schedule's factor of the learning rate
}

// rate is the learning rate of the step for a parameter, a float64 scalar: the
// parameter's own, or the base, times the schedule's factor.
func (c Clock) rate(p ml.Param, base float64) *graph.Node {
	if p.LearningRate != 0 {
		base = p.LearningRate
	}
	return graph.MulScalar(graph.ConvertDType(c.Multiplier, dtypes.Float64), base)
}

// correction is 1 − βᵗ⁺¹, a float64 scalar: what an average that started at
// zero lacks.
func (c Clock) correction(beta float64) *graph.Node {
	t := graph.AddScalar(graph.ConvertDType(c.Step, dtypes.Float64), 1)
	return graph.OneMinus(graph.Pow(graph.Scalar(t.Graph(), dtypes.Float64, beta), t))
}

// decayed is the value after decoupled weight decay, value (1 − η λ). Vectors
// and scalars do not decay.
func decayed(p ml.Param, value, rate *graph.Node, decay float64) *graph.Node {
	if len(p.Shape) < 2 || decay == 0 {
		return value
	}
	return graph.Mul(value, single(graph.OneMinus(graph.MulScalar(rate, decay))))
}

// single rounds a float64 scalar to float32.
func single(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float32) }

// Kinds lists the stages of block optimizer.
func Kinds() []pipeline.Kind {
	kind := func(typ, doc string, fresh func() pipeline.Stage) pipeline.Kind {
		return pipeline.Kind{Block: "optimizer", Type: typ, Version: 1, Role: pipeline.Definition, Doc: doc, New: fresh}
	}
	return []pipeline.Kind{
		kind("adamw", "Adam with decoupled weight decay, which falls on parameters of two or more dimensions only.",
			func() pipeline.Stage { return newAdamW() }),
		kind("muon", "Momentum orthogonalized by Newton-Schulz iterations for hidden matrices; AdamW for everything else.",
			func() pipeline.Stage { return newMuon() }),
		kind("normuon", "Muon with a step for each row of a hidden matrix, by the running mean square of the row's orthogonalized momentum.",
			func() pipeline.Stage { return newNorMuon() }),
		kind("shampoo", "The average gradient of a hidden matrix between inverse fourth roots of its rows' and columns' second moments, by Newton-Schulz iterations; AdamW for everything else.",
			func() pipeline.Stage { return newShampoo() }),
		kind("hyperball", "Hidden matrices that keep their norm: steps on a sphere, in Muon's or Adam's direction; AdamW for everything else.",
			func() pipeline.Stage { return newHyperball() }),
		kind("ademamix", "Adam with a second, much slower average of gradients beside the first, and decoupled weight decay.",
			func() pipeline.Stage { return newAdEMAMix() }),
		kind("lion", "The sign of an average of gradients, with decoupled weight decay.",
			func() pipeline.Stage { return &Lion{LearningRate: 1e-4, Beta1: 0.9, Beta2: 0.99, WeightDecay: 0.1} }),
		kind("signum", "The sign of the momentum, with decoupled weight decay.",
			func() pipeline.Stage { return &Signum{LearningRate: 1e-3, Momentum: 0.9, WeightDecay: 0.1} }),
		kind("sgd", "Stochastic gradient descent with heavy-ball momentum and decoupled weight decay.",
			func() pipeline.Stage { return &SGD{LearningRate: 0.1, Momentum: 0.9} }),
		kind("formula", "Update rules that the study declares, as formulas of value, gradient and states.",
			func() pipeline.Stage { return newFormula() }),
	}
}

// alone is a rule by itself on one parameter of each role.
func alone(o Optimizer) ml.Program {
	params := []ml.Param{
		{Path: "matrix", Shape: []int{6, 4}, Role: ml.RoleMatrix},
		{Path: "embedding", Shape: []int{6, 4}, Role: ml.RoleEmbedding},
		{Path: "vector", Shape: []int{4}, Role: ml.RoleVector},
		{Path: "fused", Shape: []int{6, 2}, Role: ml.RoleMatrix, Parts: 3},
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
		for _, s := range States(o, q) {
			add(s.Path, s.Shape)
		}
	}
	limit := ScoreLimit(o)
	if limit > 0 {
		add("scores", []int{2})
	}
	p.Build = func(in []*graph.Node) []*graph.Node {
		at, rest := Clock{in[0], in[1]}, in[2:]
		var values, grads []*graph.Node
		var states [][]*graph.Node
		for _, q := range params {
			n := len(o.State(q))
			values, grads, states = append(values, rest[0]), append(grads, rest[1]), append(states, rest[2:2+n])
			rest = rest[2+n:]
		}
		var out []*graph.Node
		values, states = UpdateAll(o, params, values, grads, states, at)
		if limit > 0 {
			values[0] = ClipQueryKey(values[0], rest[0], 2, 1, 0, limit)
		}
		for i := range params {
			out = append(append(out, values[i]), states[i]...)
		}
		return out
	}
	return p
}

// describe is Describe for all rules.
func describe(o Optimizer, in pipeline.Inputs, kind string) (pipeline.Recipe, error) {
	return ml.Define(in, "optimizer", kind, o, func() ml.Program { return alone(o) })
}

// checks collects range errors.
type checks struct{ list diag.List }

func (c *checks) that(ok bool, name, want string, got any) {
	if !ok {
		c.list = append(c.list, diag.Errorf(diag.Path{name}, "Out of range", "%s must be %s, not %v.", name, want, got)...)
	}
}

func (c *checks) among(got, name string, known ...string) {
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = strconv.Quote(k)
	}
	last := len(quoted) - 1
	c.that(slices.Contains(known, got), name, strings.Join(quoted[:last], ", ")+" or "+quoted[last], strconv.Quote(got))
}

// within adds the errors of a nested block.
func (c *checks) within(name string, list diag.List) {
	for _, d := range list {
		d.Path = append(diag.Path{name}, d.Path...)
		c.list = append(c.list, d)
	}
}
