// Package ml is the bridge to GoMLX. Everything graph-building code may panic
// about becomes an error here; everything random comes from named streams here;
// the fingerprint that goes into keys is taken here.
//
// A computation is a Program: named, shaped inputs and one graph function. The
// same Program value is fingerprinted (recorded, not compiled) and run, so what
// the key witnesses is what runs.
package ml

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Input is one argument of a Program. Name is its role in the fingerprint.
type Input struct {
	Name  string
	Shape []int
	DType dtypes.DType
}

// Program is a computation as data: inputs by role and a pure graph function
// from their nodes, in order, to the outputs. Build may panic.
type Program struct {
	Name   string
	Inputs []Input
	Build  func(in []*graph.Node) []*graph.Node

	// InPlace is the number of first inputs whose memory the outputs in the same
	// places may take. Callers donate these inputs. It decides no bit.
	InPlace int
}

// InPlacer is a backend that must know which inputs a program overwrites.
type InPlacer interface {
	compute.Backend

	// InPlace returns the same backend for programs that overwrite their first n
	// inputs.
	InPlace(n int) compute.Backend
}

// Role says what a parameter is for; optimizers group by it.
type Role string

// The roles of parameters.
const (
	RoleMatrix    Role = "matrix"    // a hidden weight, [out, in]
	RoleEmbedding Role = "embedding" // [vocabulary, width]
	RoleHead      Role = "head"      // the output projection, [vocabulary, width]
	RoleVector    Role = "vector"    // gains and biases, [width]
	RoleScalar    Role = "scalar"    // alpha, shift, multipliers, []
	RoleBuffer    Role = "buffer"    // a running statistic: no gradient, no optimizer
)

// Param declares one parameter of a model: where it lives, its shape, its
// start. Weights are [out, in], as PyTorch and safetensors users expect.
type Param struct {
	Path  string // "layers.0.attention.q"
	Shape []int
	Role  Role
	Init  Init

	LearningRate float64 // its own, before the schedule's factor; 0 for the optimizer's
	Parts        int     // matrices of equal height stacked in one, such as a fused Q, K and V; 0 for one
}

// Init is a start value drawn on the host: N(0, Std²) from the stream "init"
// of the parameter's path when Std > 0, else the constant Value.
type Init struct {
	Std   float64
	Value float64
}

// Size is the number of the parameter's elements.
func (p Param) Size() int64 {
	n := int64(1)
	for _, d := range p.Shape {
		n *= int64(d)
	}
	return n
}
