package ml

import (
	"hash/fnv"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Vars is what a graph function of a model works with: the nodes of its
// parameters by path, the precision of its products, the noise of training,
// and an optional observer of intermediate values.
type Vars struct {
	nodes map[string]*graph.Node
	watch func(path string, x *graph.Node)
	noise *graph.Node  // [2], uint32; nil where nothing is dropped
	dot   dtypes.DType // of the factors of matrix products
	again bool         // what is within a layer is computed again for the backward pass
	join  bool         // products with one factor in common are one product
}

// NewVars binds parameters to their nodes, one by one.
func NewVars(params []Param, nodes []*graph.Node) Vars {
	v := Vars{nodes: make(map[string]*graph.Node, len(params)), dot: dtypes.Float32}
	for i, p := range params {
		v.nodes[p.Path] = nodes[i]
	}
	return v
}

// At returns the node of a path; asking for one that was never declared is a
// bug and panics.
func (v Vars) At(path string) *graph.Node {
	n, ok := v.nodes[path]
	if !ok {
		panic("ml: no parameter " + path)
	}
	return n
}

// Has reports whether a parameter was declared.
func (v Vars) Has(path string) bool {
	_, ok := v.nodes[path]
	return ok
}

// Watched returns the same parameters with a watcher of tapped values.
func (v Vars) Watched(watch func(path string, x *graph.Node)) Vars {
	v.watch = watch
	return v
}

// Tap shows a value to the watcher, if there is one. It changes nothing of the
// computation.
func (v Vars) Tap(path string, x *graph.Node) {
	if v.watch != nil {
		v.watch(path, x)
	}
}

// Watching reports whether tapped values have a watcher.
func (v Vars) Watching() bool { return v.watch != nil }

// Multiplying returns the same parameters for products whose factors and results
// are rounded to a dtype; sums and everything else are float32.
func (v Vars) Multiplying(dtype dtypes.DType) Vars {
	v.dot = dtype
	return v
}

// Dot contracts a with b (see graph.DotGeneral) in the precision of products.
// The result, rounded to the same precision, is float32. No accumulator's type is
// named: with one, GoMLX's gradient would widen both factors of the backward products
// to it. Backends sum products of half precision in float32 without being asked.
func (v Vars) Dot(a *graph.Node, aContract, aBatch []int, b *graph.Node, bContract, bBatch []int) *graph.Node {
	return graph.ConvertDType(v.Product(a, aContract, aBatch, b, bContract, bBatch), dtypes.Float32)
}

// Product is Dot before its result is converted to float32.
func (v Vars) Product(a *graph.Node, aContract, aBatch []int, b *graph.Node, bContract, bBatch []int) *graph.Node {
	if v.dot == dtypes.Float32 {
		return graph.DotGeneral(a, aContract, aBatch, b, bContract, bBatch)
	}
	product := graph.Dot(v.Rounded(a), v.Rounded(b)).WithAccumulatorDType(dtypes.InvalidDType)
	return product.General(aContract, aBatch, bContract, bBatch)
}

// Rounded rounds a factor to the precision of products.
func (v Vars) Rounded(x *graph.Node) *graph.Node { return graph.ConvertDType(x, v.dot) }

// Attend is causal attention as one operation of the backend, with a backward pass of
// its own: cuDNN's. Queries, keys and values are [B, T, H, d]; they are rounded to the
// precision of products. The result is float32.
func (v Vars) Attend(q_BTHd, k_BTHd, v_BTHd *graph.Node, scale float64) *graph.Node {
	out_BTHd, _ := graph.BackendFusedScaledDotProductAttention(v.Rounded(q_BTHd), v.Rounded(k_BTHd), v.Rounded(v_BTHd),
		compute.AttentionAxesLayoutBSHD, &compute.ScaledDotProductAttentionConfig{Scale: scale, Causal: true})
	return graph.ConvertDType(out_BTHd, dtypes.Float32)
}

// Linear multiplies rows [N, in] by a weight [out, in].
func (v Vars) Linear(x_NI *graph.Node, path string) *graph.Node {
	return v.Dot(x_NI, []int{1}, nil, v.At(path), []int{1}, nil)
}

// Joining returns the same parameters for a program in which products with one factor
// in common are one product: on a GPU, one large product takes less time and memory
// traffic than several small ones. Fingerprints are computed without it.
func (v Vars) Joining() Vars {
	v.join = true
	return v
}

// Linears returns a function that multiplies rows [N, in] by each of several weights
// [out, in], in any order.
func (v Vars) Linears(x_NI *graph.Node, paths ...string) func(path string) *graph.Node {
	if !v.join {
		return func(path string) *graph.Node { return v.Linear(x_NI, path) }
	}
	weights := make([]*graph.Node, len(paths))
	for i, path := range paths {
		weights[i] = v.At(path)
	}
	all_NO := v.Dot(x_NI, []int{1}, nil, graph.Concatenate(weights, 0), []int{1}, nil)
	parts, at := make(map[string]*graph.Node, len(paths)), 0
	for i, path := range paths {
		end := at + weights[i].Shape().Dimensions[0]
		parts[path], at = graph.SliceAxis(all_NO, 1, graph.AxisRange(at, end)), end
	}
	return func(path string) *graph.Node { return parts[path] }
}

// Recomputing returns the same parameters for a forward pass of which only what
// enters each layer is kept for the backward pass.
func (v Vars) Recomputing() Vars {
	v.again = true
	return v
}

// Enter marks what enters a layer. GoMLX's barriers keep a compiler from
// taking what is computed again for what was there already.
func (v Vars) Enter(x *graph.Node) *graph.Node {
	if v.again {
		return x.Checkpoint()
	}
	return x
}

// Leave marks what leaves the last layer.
func (v Vars) Leave(x *graph.Node) *graph.Node {
	if v.again {
		return x.StopCheckpoint()
	}
	return x
}

// Noisy returns the same parameters in training, with a key [2], uint32, of
// which all that is random follows.
func (v Vars) Noisy(key *graph.Node) Vars {
	v.noise = key
	return v
}

// Dropout zeroes a share of x's elements, picked by the noise and the path, and
// scales the rest by 1/(1 − rate). Outside of training it is x.
func (v Vars) Dropout(x *graph.Node, rate float64, path string) *graph.Node {
	if v.noise == nil || rate == 0 {
		return x
	}
	limit := graph.Const(x.Graph(), uint32(rate*(1<<32)))
	keep := graph.GreaterOrEqual(v.random(x, path), limit)
	return graph.Where(keep, graph.MulScalar(x, 1/(1-rate)), graph.ZerosLike(x))
}

// random is a uint32 for each element of x: the element's index, the path and
// the key through two rounds of a bijective mixer.
func (v Vars) random(x *graph.Node, path string) *graph.Node {
	g := x.Graph()
	salt := fnv.New32a()
	salt.Write([]byte(path))
	word := func(i int) *graph.Node { return graph.Slice(v.noise, graph.AxisElem(i)) }
	n := graph.Iota(g, shapes.Make(dtypes.Uint32, x.Shape().Size()), 0)
	n = mix32(graph.BitwiseXor(n, graph.BitwiseXor(word(0), graph.Const(g, []uint32{salt.Sum32()}))))
	n = mix32(graph.Add(n, word(1)))
	return graph.Reshape(n, x.Shape().Dimensions...)
}

// mix32 is C. Wellons's bijection lowbias32.
func mix32(x *graph.Node) *graph.Node {
	g := x.Graph()
	fold := func(x *graph.Node, by uint32) *graph.Node {
		return graph.BitwiseXor(x, graph.BitwiseShiftRightLogical(x, graph.Const(g, by)))
	}
	x = graph.Mul(fold(x, 16), graph.Const(g, uint32(0x7feb352d)))
	x = graph.Mul(fold(x, 15), graph.Const(g, uint32(0x846ca68b)))
	return fold(x, 16)
}

// Plus adds to what may be nothing yet.
func Plus(a, b *graph.Node) *graph.Node {
	if a == nil {
		return b
	}
	return graph.Add(a, b)
}
