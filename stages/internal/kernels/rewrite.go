package kernels

import (
	"reflect"
	"slices"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// optimizing is the backend with graphs rewritten before they are compiled:
// fingerprints are taken of the graph as it was built, and what runs has the
// same operations on each element in the same order.
type optimizing struct{ compute.Backend }

// Builder implements compute.Backend.
func (b optimizing) Builder(name string) compute.Builder {
	return builder{b.Backend.Builder(name)}
}

type builder struct{ compute.Builder }

// Compile implements compute.Builder.
func (b builder) Compile() (compute.Executable, error) {
	main := reflect.ValueOf(b.Builder).Elem().FieldByName("MainFn")
	g := newRewriting(main.Elem())
	if g != nil {
		g.fold()
		g.assemble()
		g.products()
		g.group()
		g.install()
	}
	return b.Builder.Compile()
}

// rewriting is a graph while nodes are replaced. Replaced nodes stay in the
// list, without users.
type rewriting struct {
	function reflect.Value
	list     *[]*node
	outputs  *[]*node

	live  []*node           // in an order of execution
	users map[*node][]*node // of live nodes, once for each use
	fixed map[*node]bool    // results that are in memory as their shapes say
	out   map[*node]bool    // results of the graph
	views map[*node]seen    // what was seen since nodes were last replaced
}

// newRewriting returns nil for a graph that is better left alone: with shapes
// not known, or functions within.
func newRewriting(main reflect.Value) *rewriting {
	g := &rewriting{
		function: main,
		list:     (*[]*node)(main.FieldByName("Nodes").Addr().UnsafePointer()),
		outputs:  (*[]*node)(main.FieldByName("Outputs").Addr().UnsafePointer()),
		fixed:    map[*node]bool{},
	}
	for _, n := range *g.list {
		if n.Shape.IsDynamic() || len(n.CapturedInputs) > 0 {
			return nil
		}
	}
	g.refresh()
	return g
}

// refresh finds what the outputs need.
func (g *rewriting) refresh() {
	g.users, g.out, g.live, g.views = map[*node][]*node{}, map[*node]bool{}, nil, map[*node]seen{}
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, in := range n.Inputs {
			visit(in)
			g.users[in] = append(g.users[in], n)
		}
		g.live = append(g.live, n)
	}
	for _, n := range *g.outputs {
		g.out[n] = true
		visit(n)
	}
}

// replace lets the users of one node use another.
func (g *rewriting) replace(old, fresh *node) {
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
			g.out[fresh] = true
		}
	}
}

// add appends a node of ours.
func (g *rewriting) add(like *node, op compute.OpType, inputs []*node, data any) *node {
	n := &node{Inputs: inputs, OpType: op, Shape: like.Shape, Builder: like.Builder, Function: like.Function, Data: data}
	*g.list = append(*g.list, n)
	return n
}

// install numbers the nodes in an order of execution.
func (g *rewriting) install() {
	for i, n := range *g.list {
		n.Index = i
	}
	g.function.Addr().MethodByName("DAGSort").Call(nil)
}

// foldable are operations computed once, when all they need is constant.
var foldable = map[compute.OpType]bool{
	compute.OpTypeIota: true, compute.OpTypeReshape: true, compute.OpTypeWhere: true, compute.OpTypeConvertDType: true,
	compute.OpTypeAdd: true, compute.OpTypeSub: true, compute.OpTypeMul: true, compute.OpTypeDiv: true, compute.OpTypePow: true,
	compute.OpTypeNeg: true, compute.OpTypeExp: true, compute.OpTypeLog: true, compute.OpTypeSqrt: true,
	compute.OpTypeCos: true, compute.OpTypeSin: true, compute.OpTypeLessOrEqual: true, compute.OpTypeGreaterOrEqual: true,
}

// fold computes what depends on no input, by the executors that would do it at
// every step.
func (g *rewriting) fold() {
	const largest = 1 << 20
	backend := *(*unsafe.Pointer)(g.function.FieldByName("RawBuilder").Elem().FieldByName("Backend").Addr().UnsafePointer())
	for _, n := range g.live {
		if !foldable[n.OpType] || n.Shape.Size() > largest || nodeExecutors[n.OpType] == nil {
			continue
		}
		inputs := make([]*buffer, len(n.Inputs))
		known := true
		for i, in := range n.Inputs {
			if in.OpType != compute.OpTypeConstant {
				known = false
				break
			}
			inputs[i] = (*buffer)(reflect.ValueOf(in.Data).UnsafePointer())
		}
		if !known {
			continue
		}
		result, err := nodeExecutors[n.OpType](backend, n, inputs, make([]bool, len(inputs)))
		if err != nil {
			continue // it will fail again, where errors are reported
		}
		n.OpType, n.Inputs = compute.OpTypeConstant, nil
		n.Data = reflect.NewAt(bufferType(g.function), unsafe.Pointer(result)).Interface()
	}
	g.refresh()
}

// bufferType is the backend's own type of buffers.
func bufferType(function reflect.Value) reflect.Type {
	get, _ := function.FieldByName("RawBuilder").Elem().FieldByName("Backend").Type().MethodByName("GetBuffer")
	return get.Type.Out(0).Elem()
}

// seen is a node's result as a view of another's.
type seen struct {
	base *node
	view view
}

// seen looks through everything that only rearranges.
func (g *rewriting) seen(n *node) (base *node, v view) {
	if known, ok := g.views[n]; ok {
		return known.base, known.view
	}
	base, v = g.look(n)
	g.views[n] = seen{base, v}
	return base, v
}

func (g *rewriting) look(n *node) (base *node, v view) {
	dims := n.Shape.Dimensions
	if g.fixed[n] {
		return n, contiguous(dims)
	}
	switch n.OpType {
	case compute.OpTypeIdentity:
		return g.seen(n.Inputs[0])
	case compute.OpTypeReshape:
		base, v = g.seen(n.Inputs[0])
		if again, ok := v.reshape(dims); ok {
			return base, again
		}
	case compute.OpTypeTranspose:
		base, v = g.seen(n.Inputs[0])
		return base, v.transpose(n.Data.([]int))
	case compute.OpTypeSlice:
		base, v = g.seen(n.Inputs[0])
		if part, ok := v.slice(ints(n, "starts"), ints(n, "limits"), ints(n, "strides")); ok {
			return base, part
		}
	case compute.OpTypeBroadcastInDim:
		base, v = g.seen(n.Inputs[0])
		return base, v.broadcast(dims, n.Data.([]int))
	}
	return n, contiguous(dims)
}

// ints reads a list of a node's data.
func ints(n *node, name string) []int {
	field := reflect.ValueOf(n.Data).Elem().FieldByName(name)
	out := make([]int, field.Len())
	for i := range out {
		out[i] = int(field.Index(i).Int())
	}
	return out
}

// placed follows a result through what only rearranges it, as long as nobody
// else uses it, up to the last transpose. It returns the node that stands there
// and where in it the elements of n lie, in the axes of n.
func (g *rewriting) placed(n *node) (*node, view) {
	chain := []*node{n}
	last := 0
	for {
		at := chain[len(chain)-1]
		users := g.users[at]
		if len(users) != 1 || g.out[at] {
			break
		}
		next := users[0]
		if op := next.OpType; op != compute.OpTypeReshape && op != compute.OpTypeTranspose {
			break
		}
		chain = append(chain, next)
		if next.OpType == compute.OpTypeTranspose {
			last = len(chain) - 1
		}
	}
	for ; last > 0; last-- {
		if chain[last].OpType != compute.OpTypeTranspose {
			continue
		}
		v, ok := contiguous(chain[last].Shape.Dimensions), true
		for i := last; i > 0 && ok; i-- {
			if chain[i].OpType == compute.OpTypeTranspose {
				v = v.transpose(undone(chain[i].Data.([]int)))
			} else {
				v, ok = v.reshape(chain[i-1].Shape.Dimensions)
			}
		}
		if ok {
			return chain[last], v
		}
	}
	return n, contiguous(n.Shape.Dimensions)
}

// undone is the inverse of a permutation.
func undone(permutation []int) []int {
	out := make([]int, len(permutation))
	for i, axis := range permutation {
		out[axis] = i
	}
	return out
}

// isFloat says whether a node has float32 elements, and some.
func isFloat(n *node) bool { return n.Shape.DType == dtypes.Float32 && n.Shape.Size() > 0 }
