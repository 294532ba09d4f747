// Package express builds the graphs of formulas. The graph of a formula that
// restates a built-in computation is the same graph, so nothing is rewritten,
// rounded or fused on the way.
//
// A formula is computed in lanes, side by side: for one site of a model in one lane,
// for all micro-batches of a step, or for all parameters that share an update rule.
// Lanes meet only in functions that need all of them.
package express

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/formula"
)

// Value is what a part of a formula is in one lane: a number while it is known
// without the graph, else a node.
type Value struct {
	Type   formula.Type
	Number float64 // of a constant; of a constant truth value, 1 for true
	Node   *Node
}

// Tensor is a node of the graph as a value of a type.
func Tensor(t formula.Type, n *Node) Value { return Value{Type: t, Node: n} }

// Number is a value that is known before the graph is built.
func Number(v float64) Value { return Value{Number: v} }

// Joint computes a function of all lanes together.
type Joint func(args [][]Value) []Value

// Builder builds formulas into one graph.
type Builder struct {
	Graph    *Graph
	Lanes    int
	Names    map[string][]Value // one for each lane; a single one is shared by all
	Joint    map[string]Joint   // functions of a place that express itself lacks
	Elements [][]int            // of each lane, the dimensions of a value for each element, in a place with rows and columns
	Computed formula.Level      // as in the scope that the formula was checked in

	known map[formula.Digest][]Value // what was built, so that formulas share their parts
}

// New returns a builder of several lanes.
func New(g *Graph, lanes int, computed formula.Level) *Builder {
	return &Builder{Graph: g, Lanes: lanes, Names: make(map[string][]Value), Computed: computed, known: make(map[formula.Digest][]Value)}
}

// One returns a builder with a single lane.
func One(g *Graph, names map[string]Value) *Builder {
	b := New(g, 1, formula.Tensor)
	for name, v := range names {
		b.Names[name] = []Value{v}
	}
	return b
}

// Build returns the value of a formula in each lane, or one for all. The formula has
// been checked; a mistake in it panics.
func (b *Builder) Build(f formula.Formula) []Value {
	values := make([][]Value, len(f.Nodes))
	digests := f.Digests()
	for i, n := range f.Nodes {
		if v, ok := b.known[digests[i]]; ok {
			values[i] = v
			continue
		}
		args := make([][]Value, len(n.Args))
		for j, a := range n.Args {
			args[j] = values[a]
		}
		values[i] = b.node(n, args)
		b.known[digests[i]] = values[i]
	}
	return values[len(values)-1]
}

// Float32 is the value of a formula in a single lane, as a node.
func (b *Builder) Float32(f formula.Formula) *Node {
	return b.Build(f)[0].Float32(b.Graph)
}

// Float32 is the value as a node of float32.
func (v Value) Float32(g *Graph) *Node { return v.as(g, formula.Scalar) }

func (b *Builder) node(n formula.Node, args [][]Value) []Value {
	switch n.Op {
	case "number":
		return []Value{Number(n.Number)}
	case "truth":
		return []Value{{Type: formula.Type{IsTruth: true}, Number: n.Number}}
	case "name":
		v, ok := b.Names[n.Name]
		if !ok {
			panic("express: no name " + n.Name)
		}
		return v
	}
	joint := b.Joint[n.Op]
	if _, reduces := reductions[n.Op]; b.Elements != nil && (reduces || joint != nil || n.Op == "matmul") {
		for j := range args {
			args[j] = b.whole(args[j])
		}
	}
	if joint != nil {
		return joint(args)
	}
	lanes := 1
	for _, a := range args {
		lanes = max(lanes, len(a))
	}
	out := make([]Value, lanes)
	for lane := range out {
		own := make([]Value, len(args))
		for j, a := range args {
			own[j] = Lane(a, lane)
		}
		out[lane] = b.apply(n.Op, own)
	}
	return out
}

// whole repeats values that have fewer numbers than their type says. Such is the branch
// that a condition of rows and columns takes if the other one has more.
func (b *Builder) whole(values []Value) []Value {
	out := slices.Clone(values)
	for lane, v := range values {
		if v.Type.Down == formula.One && v.Type.Along == formula.One || v.Node != nil && v.Node.Rank() == 1 {
			continue
		}
		x := v.Float32(b.Graph)
		dims := append([]int{1, 1}, x.Shape().Dimensions...)[x.Rank():]
		for i, axis := range []formula.Axis{v.Type.Down, v.Type.Along} {
			if dims[i] == 1 && axis != formula.One {
				dims[i] = b.Elements[lane][axis-formula.Rows]
			}
		}
		if !slices.Equal(x.Shape().Dimensions, dims) {
			out[lane].Node, out[lane].Type.Level = BroadcastToDims(x, dims...), formula.Tensor
		}
	}
	return out
}

// Lane is the value of one lane.
func Lane(values []Value, lane int) Value {
	if len(values) == 1 {
		return values[0]
	}
	return values[lane]
}

// apply computes one operation.
func (b *Builder) apply(op string, args []Value) Value {
	if op == "where" && args[0].Node == nil { // a condition of constants
		v := args[int(2-args[0].Number)]
		t, _ := formula.Join(args[1].Type, args[2].Type)
		v.Type.Down, v.Type.Along = t.Down, t.Along
		return v
	}
	t, constant := args[0].Type, true
	for _, a := range args {
		t, _ = formula.Join(t, a.Type) // operands of a product of matrices need not fit here
		constant = constant && a.Node == nil
	}
	if constant {
		numbers := make([]float64, len(args))
		for i, a := range args {
			numbers[i] = a.Number
		}
		if v, isTruth, ok := formula.Exact(op, numbers); ok {
			return Value{Type: formula.Type{Down: t.Down, Along: t.Along, IsTruth: isTruth}, Number: v}
		}
		t.Level = b.Computed // what machines may differ in is computed where the rest is
	}
	in := make([]*Node, len(args))
	for i, a := range args {
		in[i] = a.as(b.Graph, t)
	}
	if r, ok := reductions[op]; ok {
		return r(in[0], t)
	}
	if f, ok := unary[op]; ok {
		return Value{Type: t, Node: f(in[0])}
	}
	if op == "matmul" {
		t.Down, t.Along = args[0].Type.Down, args[1].Type.Along
	}
	return Value{Type: t, Node: b.several(op, in, args)}
}

// several computes an operation that has more than one operand.
func (b *Builder) several(op string, in []*Node, args []Value) *Node {
	switch op {
	case "where":
		return Where(spread(in[0], in), spread(in[1], in), spread(in[2], in))
	case "matmul":
		return DotGeneral(in[0], []int{1}, nil, in[1], []int{0}, nil)
	case "clip":
		return Min(Max(in[0], in[1]), in[2])
	case "first":
		width := in[0].Shape().Dimensions[in[0].Rank()-1]
		return SliceAxis(in[0], -1, AxisRange(0, formula.Share(width, args[1].Number)))
	}
	f, ok := binary[op]
	if !ok {
		panic("express: no function " + op)
	}
	return f(in[0], in[1])
}

// as is the value as an operand of an operation of a type: constants in its
// precision, numbers of a step rounded, vectors in the shape of a row.
func (v Value) as(g *Graph, t formula.Type) *Node {
	switch {
	case v.Node == nil && v.Type.IsTruth:
		return Const(g, v.Number == 1)
	case v.Node == nil && t.Level == formula.Step:
		return Scalar(g, dtypes.Float64, v.Number)
	case v.Node == nil:
		return Scalar(g, dtypes.Float32, v.Number)
	case v.Node.DType() == dtypes.Float64 && t.Level == formula.Tensor:
		return ConvertDType(v.Node, dtypes.Float32)
	case v.Type.Down == formula.One && v.Type.Along != formula.One && t.Down != formula.One && v.Node.Rank() == 1:
		return ExpandAxes(v.Node, 0)
	}
	return v.Node
}

// spread is x in the shape of all, which Where needs.
func spread(x *Node, all []*Node) *Node {
	var dims []int
	for _, n := range all {
		own := n.Shape().Dimensions
		if len(own) > len(dims) {
			dims = append(make([]int, 0, len(own)), own...)
			continue
		}
		for i, d := range own {
			dims[i] = max(dims[i], d)
		}
	}
	for _, n := range all {
		for i, d := range n.Shape().Dimensions {
			dims[i] = max(dims[i], d)
		}
	}
	if x.Rank() == 0 && len(dims) == 0 {
		return x
	}
	return BroadcastToDims(x, dims...)
}
