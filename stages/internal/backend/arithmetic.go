package backend

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// arithmetic is the hash of what the Go backend, with this process's kernels,
// computes from canonical numbers, without products of bfloat16 factors and with them.
// It is part of the numerics class: a kernel that rounds otherwise is another class,
// whether or not anybody gave it another name. What fails is a class of its own.
var arithmetic = map[bool]func() string{
	false: sync.OnceValue(func() string { return hashOf(canonicalPrograms) }),
	true:  sync.OnceValue(func() string { return hashOf(append(slices.Clone(canonicalPrograms), canonicalHalves)) }),
}

func hashOf(programs []canonicalProgram) string {
	h := sha256.New()
	for _, p := range programs {
		values, err := p.run()
		if err != nil {
			return fmt.Sprintf("failed(%x)", sha256.Sum256([]byte(err.Error())))[:16]
		}
		fmt.Fprintln(h, p.name)
		for _, flat := range values {
			if err := binary.Write(h, binary.LittleEndian, flat); err != nil {
				panic(err) // a hash takes all bytes
			}
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6])
}

// canonicalProgram is a computation with inputs of given shapes. Sizes lie beyond
// the blocks of each kernel, with remainders.
type canonicalProgram struct {
	name   string
	wide   bool // inputs of all magnitudes, and special ones, rather than between −4 and 4
	shapes [][]int
	build  func(in []*Node) []*Node
}

func (p canonicalProgram) run() ([][]float32, error) {
	b, err := openGo(1)
	if err != nil {
		return nil, err
	}
	g := NewGraph(b, p.name)
	defer g.Finalize()
	r := rand.New(rand.NewPCG(5, uint64(len(p.shapes))))
	var nodes []*Node
	var args []compute.Buffer
	for i, dims := range p.shapes {
		s := shapes.Make(dtypes.Float32, dims...)
		buf, err := b.BufferFromFlatData(0, p.numbers(r, s.Size()), s)
		if err != nil {
			return nil, err
		}
		nodes, args = append(nodes, Parameter(g, fmt.Sprint(i), s)), append(args, buf)
	}
	if err := g.Compile(p.build(nodes)...); err != nil {
		return nil, err
	}
	out, err := g.Executable().Execute(args, make([]bool, len(args)), 0)
	if err != nil {
		return nil, err
	}
	values := make([][]float32, len(out))
	for i, o := range out {
		s, err := o.Shape()
		if err != nil {
			return nil, err
		}
		values[i] = make([]float32, s.Size())
		if err := o.ToFlatData(values[i]); err != nil {
			return nil, err
		}
		for j, v := range values[i] {
			if v != v {
				values[i][j] = float32(math.NaN()) // one for all
			}
		}
	}
	return values, nil
}

func (p canonicalProgram) numbers(r *rand.Rand, n int) []float32 {
	flat := make([]float32, n)
	for i := range flat {
		flat[i] = float32(int32(r.Uint32())>>8) / (1 << 21)
		if p.wide {
			flat[i] = float32(math.Ldexp(float64(flat[i]), i%60-30))
		}
	}
	if p.wide {
		copy(flat, []float32{0, float32(math.Copysign(0, -1)), 1, -1, 88.8, -88, 1e-40, -104, 9.5, -9.5, 3.9, float32(math.Inf(1)), float32(math.Inf(-1))})
	}
	return flat
}

var canonicalHalves = canonicalProgram{"halves", false, [][]int{{37, 300}, {300, 70}}, func(in []*Node) []*Node {
	half := func(x *Node) *Node { return ConvertDType(x, dtypes.BFloat16) }
	product := Dot(half(in[0]), half(in[1])).WithAccumulatorDType(dtypes.InvalidDType).Product()
	return []*Node{ConvertDType(product, dtypes.Float32)}
}}

var canonicalPrograms = []canonicalProgram{
	{"functions", true, [][]int{{1037}}, func(in []*Node) []*Node {
		x := in[0]
		p := AddScalar(Abs(x), 1e-6)
		return []*Node{Exp(x), Tanh(x), Erf(x), Sqrt(p), Log(p), Sin(x), Cos(x), Logistic(x), Neg(x), Sign(x),
			Pow(p, Scalar(x.Graph(), dtypes.Float32, 0.3)), ConvertDType(ConvertDType(x, dtypes.BFloat16), dtypes.Float32)}
	}},
	{"pairs", true, [][]int{{31, 67}, {31, 67}, {67}, {31, 1}}, func(in []*Node) []*Node {
		row, column := Reshape(in[2], 1, 67), in[3]
		return []*Node{Add(in[0], in[1]), Sub(in[0], row), Mul(column, in[1]), Div(in[0], AddScalar(Abs(in[1]), 1)), Max(in[0], in[1]), Min(in[0], row),
			Where(GreaterThan(in[0], in[1]), in[0], Mul(in[1], column))}
	}},
	{"chains", false, [][]int{{33, 130}, {130}}, func(in []*Node) []*Node {
		x, gain := in[0], Reshape(in[1], 1, 130)
		e := Exp(Sub(x, ReduceAndKeep(x, ReduceMax, -1)))
		soft := Div(e, ReduceAndKeep(e, ReduceSum, -1))
		norm := Mul(Div(x, Sqrt(AddScalar(ReduceAndKeep(Mul(x, x), ReduceMean, -1), 1e-5))), gain)
		derf := AddScalar(Mul(gain, Erf(AddScalar(MulScalar(x, 0.5), 0.1))), 0.2)
		dyt := Mul(gain, Tanh(MulScalar(x, 0.5)))
		silu := Mul(x, Logistic(x))
		sum := Add(Add(soft, norm), Add(Add(derf, dyt), silu))
		return append([]*Node{soft, norm, derf, dyt, silu}, Gradient(ReduceAllSum(Mul(sum, x)), x, in[1])...)
	}},
	{"sums", false, [][]int{{1100, 9}, {5, 1049}, {7, 3, 33}, {6, 1}}, func(in []*Node) []*Node {
		return []*Node{ReduceSum(in[0], 0), ReduceSum(in[1], 1), ReduceSum(in[2], 1), ReduceSum(in[2], 0, 2), ReduceMax(in[1], 1), ReduceMax(in[0], 0),
			ReduceAllSum(in[0]), ReduceSum(in[3], 1), ReduceAllMax(Abs(in[2]))}
	}},
	{"products", false, [][]int{{37, 300}, {300, 70}, {70, 300}, {9, 5}, {5, 1100}, {300, 3}, {3, 4}, {3, 2, 9, 17}, {3, 2, 17, 5}}, func(in []*Node) []*Node {
		return []*Node{
			DotGeneral(in[0], []int{1}, nil, in[1], []int{0}, nil), DotGeneral(in[0], []int{1}, nil, in[2], []int{1}, nil),
			DotGeneral(in[1], []int{0}, nil, in[0], []int{1}, nil), DotGeneral(in[3], []int{1}, nil, in[4], []int{0}, nil),
			DotGeneral(in[5], []int{1}, nil, in[6], []int{0}, nil), DotGeneral(in[7], []int{3}, []int{0, 1}, in[8], []int{2}, []int{0, 1}),
			TransposeAllDims(in[7], 2, 0, 3, 1), // its notice names the function itself
		}
	}},
	{"rows", false, [][]int{{11, 13}}, func(in []*Node) []*Node {
		at := Const(in[0].Graph(), []int32{3, 0, 10, 3, 3, 7, 0})
		rows := Gather(in[0], Reshape(at, 7, 1))
		return []*Node{rows, Gradient(ReduceAllSum(Mul(rows, rows)), in[0])[0]}
	}},
}
