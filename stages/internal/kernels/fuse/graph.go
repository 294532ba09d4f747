// Package fuse rewrites a graph of the pure-Go backend before it is compiled. It
// computes constants once, finds what only rearranges elements, and partitions
// element-wise operations and reductions of rows into fusion groups that can be
// computed together, a block of rows at a time.
//
// Every rewrite keeps the operations on each element and their order. Terms that a
// causal mask makes zero, and scores that it hides, are not computed.
package fuse

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
)

// Graph is the main function of a builder while it is rewritten. Replaced nodes
// stay in the list of nodes, without users.
type Graph struct {
	Live []*hook.Node // the nodes that the outputs need, in an order of execution

	function hook.Function
	nodes    *[]*hook.Node
	outputs  *[]*hook.Node

	users         map[*hook.Node][]*hook.Node // of live nodes, once for each use
	roundsFactors map[*hook.Node]bool         // products
	opaque        map[*hook.Node]bool         // views do not look through these nodes
	results       map[*hook.Node]bool         // outputs of the graph
	views         map[*hook.Node]view         // memoized until a node is replaced
}

// view is a node's result as a layout of the result of another.
type view struct {
	source *hook.Node
	layout layout.Strided
}

// NewGraph returns the graph of a function. It reports false for a graph that must
// not be rewritten: one with dynamic shapes, or with closures.
func NewGraph(f hook.Function) (*Graph, bool) {
	g := &Graph{function: f, nodes: f.Nodes(), outputs: f.Outputs(), opaque: map[*hook.Node]bool{}, roundsFactors: map[*hook.Node]bool{}}
	for _, n := range *g.nodes {
		if n.Shape.IsDynamic() || len(n.CapturedInputs) > 0 {
			return nil, false
		}
	}
	g.Refresh()
	return g, true
}

// Refresh finds the live nodes again after replacements.
func (g *Graph) Refresh() {
	g.users, g.results, g.views, g.Live = map[*hook.Node][]*hook.Node{}, map[*hook.Node]bool{}, map[*hook.Node]view{}, nil
	seen := map[*hook.Node]bool{}
	var visit func(n *hook.Node)
	visit = func(n *hook.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, in := range n.Inputs {
			visit(in)
			g.users[in] = append(g.users[in], n)
		}
		g.Live = append(g.Live, n)
	}
	for _, n := range *g.outputs {
		g.results[n] = true
		visit(n)
	}
}

// Replace lets all users of old use fresh.
func (g *Graph) Replace(old, fresh *hook.Node) {
	clear(g.views)
	for _, user := range g.users[old] {
		user.Inputs = slices.Clone(user.Inputs)
		for i, in := range user.Inputs {
			if in == old {
				user.Inputs[i] = fresh
			}
		}
	}
	g.users[fresh] = append(g.users[fresh], g.users[old]...)
	delete(g.users, old)
	for i, n := range *g.outputs {
		if n == old {
			(*g.outputs)[i] = fresh
			g.results[fresh] = true
		}
	}
}

// Bypass lets all users of a node use its only input.
func (g *Graph) Bypass(n *hook.Node) {
	in := n.Inputs[0]
	g.users[in] = slices.DeleteFunc(g.users[in], func(user *hook.Node) bool { return user == n })
	g.Replace(n, in)
}

// Add appends a node with the shape of another.
func (g *Graph) Add(like *hook.Node, op compute.OpType, inputs []*hook.Node, data any) *hook.Node {
	n := &hook.Node{Inputs: inputs, OpType: op, Shape: like.Shape, Builder: like.Builder, Function: like.Function, Data: data}
	*g.nodes = append(*g.nodes, n)
	return n
}

// AddOpaque is Add for a node that reads its inputs in place and writes its result
// as its shape says: views do not look through it.
func (g *Graph) AddOpaque(like *hook.Node, op compute.OpType, inputs []*hook.Node, data any) *hook.Node {
	n := g.Add(like, op, inputs, data)
	for _, in := range inputs {
		g.users[in] = append(g.users[in], n)
	}
	g.opaque[n] = true
	return n
}

// Schedule numbers the nodes in an order of execution. It is the last step.
func (g *Graph) Schedule() {
	for i, n := range *g.nodes {
		n.Index = i
	}
	g.function.Sort()
}

// IsFloat reports whether a node has float32 elements, and at least one.
func IsFloat(n *hook.Node) bool { return n.Shape.DType == dtypes.Float32 && n.Shape.Size() > 0 }

// Users returns the nodes that use a node, once for each use.
func (g *Graph) Users(n *hook.Node) []*hook.Node { return g.users[n] }

// IsResult reports whether a node is an output of the graph.
func (g *Graph) IsResult(n *hook.Node) bool { return g.results[n] }

// Results returns the outputs of the graph.
func (g *Graph) Results() []*hook.Node { return *g.outputs }
