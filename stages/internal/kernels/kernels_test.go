package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/kernels"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
	"ablate/stages/internal/kernels/simd/model"
)

// backendExecutors are the backend's executors before the kernels replace any.
var backendExecutors = hook.Executors

// both runs a graph on the backend alone and with the kernels.
func both(t *testing.T, inputs []shapes.Shape, build func(in []*graph.Node) *graph.Node) (plain, ours []float32, in [][]float32) {
	t.Helper()
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	fast, err := kernels.Install(b)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, uint64(len(inputs))))
	for _, s := range inputs {
		x := make([]float32, s.Size())
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		in = append(in, x)
	}
	installed := hook.Executors
	hook.Executors = backendExecutors
	plain = compiled(t, b, inputs, build)(in)
	hook.Executors = installed
	return plain, compiled(t, fast, inputs, build)(in), in
}

// compiled compiles a graph and returns a function that runs it. The graph owns its
// inputs, and their memory is used again.
func compiled(t *testing.T, b compute.Backend, inputs []shapes.Shape, build func(in []*graph.Node) *graph.Node) func(numbers [][]float32) []float32 {
	t.Helper()
	g := graph.NewGraph(b, "test")
	var nodes []*graph.Node
	for i, s := range inputs {
		nodes = append(nodes, graph.Parameter(g, fmt.Sprint(i), s))
	}
	if err := g.Compile(build(nodes)); err != nil {
		t.Fatal(err)
	}
	return func(numbers [][]float32) []float32 {
		var args []compute.Buffer
		for i, s := range inputs {
			buf, err := b.BufferFromFlatData(0, numbers[i], s)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, buf)
		}
		out, err := g.Executable().Execute(args, slices.Repeat([]bool{true}, len(args)), 0)
		if err != nil {
			t.Fatal(err)
		}
		shape, err := out[0].Shape()
		if err != nil {
			t.Fatal(err)
		}
		flat := make([]float32, shape.Size())
		if err := out[0].ToFlatData(flat); err != nil {
			t.Fatal(err)
		}
		if err := out[0].Finalize(); err != nil {
			t.Fatal(err)
		}
		return flat
	}
}

//lint:ignore SA1019 its notice names the function itself
var permuted = graph.TransposeAllDims

func f32(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

// TestSameBits compares arithmetic, transposes, maxima, sums of columns, gathers and
// scatters with the backend, bit for bit.
func TestSameBits(t *testing.T) {
	type build = func(in []*graph.Node) *graph.Node
	tests := map[string]struct {
		in    []shapes.Shape
		build build
	}{
		"transpose 2d":          {[]shapes.Shape{f32(37, 53)}, func(in []*graph.Node) *graph.Node { return graph.Transpose(in[0], 0, 1) }},
		"transpose large":       {[]shapes.Shape{f32(300, 517)}, func(in []*graph.Node) *graph.Node { return graph.Transpose(in[0], 0, 1) }},
		"transpose heads":       {[]shapes.Shape{f32(3, 5, 4, 8)}, func(in []*graph.Node) *graph.Node { return permuted(in[0], 0, 2, 1, 3) }},
		"transpose inner pairs": {[]shapes.Shape{f32(3, 4, 20, 24)}, func(in []*graph.Node) *graph.Node { return permuted(in[0], 0, 1, 3, 2) }},
		"transpose reversed":    {[]shapes.Shape{f32(5, 7, 3, 9)}, func(in []*graph.Node) *graph.Node { return permuted(in[0], 3, 2, 1, 0) }},
		"transpose rotated":     {[]shapes.Shape{f32(5, 1, 33, 9)}, func(in []*graph.Node) *graph.Node { return permuted(in[0], 2, 0, 3, 1) }},
		"transpose nothing":     {[]shapes.Shape{f32(4, 6)}, func(in []*graph.Node) *graph.Node { return permuted(in[0], 0, 1) }},
		"sum first":             {[]shapes.Shape{f32(129, 300)}, func(in []*graph.Node) *graph.Node { return graph.ReduceSum(in[0], 0) }},
		"sum middle":            {[]shapes.Shape{f32(3, 50, 31)}, func(in []*graph.Node) *graph.Node { return graph.ReduceSum(in[0], 1) }},
		"sum ends":              {[]shapes.Shape{f32(9, 5, 11)}, func(in []*graph.Node) *graph.Node { return graph.ReduceSum(in[0], 0, 2) }},
		"max last":              {[]shapes.Shape{f32(64, 65)}, func(in []*graph.Node) *graph.Node { return graph.ReduceMax(in[0], -1) }},
		"max first":             {[]shapes.Shape{f32(64, 65)}, func(in []*graph.Node) *graph.Node { return graph.ReduceMax(in[0], 0) }},
	}
	names := func(x *graph.Node) *graph.Node { // some more than once, some beyond the table
		return graph.ExpandAxes(graph.ConvertDType(graph.MulScalar(x, 30), dtypes.Int32), -1)
	}
	inside := func(x *graph.Node) *graph.Node {
		return graph.ExpandAxes(graph.ConvertDType(graph.ClipScalar(graph.MulScalar(x, 30), 0, 49), dtypes.Int32), -1)
	}
	for name, shape := range map[string][]int{"rows": {300}, "rows of two axes": {7, 30}, "one row": {1}} {
		tests["gather "+name] = struct {
			in    []shapes.Shape
			build build
		}{[]shapes.Shape{f32(50, 70), f32(shape...)}, func(in []*graph.Node) *graph.Node { return graph.Gather(in[0], names(in[1])) }}
		tests["scatter "+name] = struct {
			in    []shapes.Shape
			build build
		}{[]shapes.Shape{f32(50, 70), f32(shape...), f32(append(shape, 70)...)}, func(in []*graph.Node) *graph.Node {
			return graph.ScatterSum(in[0], inside(in[1]), in[2], false, false)
		}}
	}
	tests["gather columns"] = struct {
		in    []shapes.Shape
		build build
	}{[]shapes.Shape{f32(50, 70), f32(9)}, func(in []*graph.Node) *graph.Node {
		return graph.GatherSlices(in[0], []int{1}, inside(in[1]), []int{1}, false)
	}}
	tests["gather slope"] = struct {
		in    []shapes.Shape
		build build
	}{[]shapes.Shape{f32(50, 70), f32(300), f32(300, 70)}, func(in []*graph.Node) *graph.Node {
		return graph.Gradient(graph.ReduceAllSum(graph.Mul(graph.Gather(in[0], inside(in[1])), in[2])), in[0])[0]
	}}
	for name, op := range map[string]func(a, b *graph.Node) *graph.Node{"add": graph.Add, "sub": graph.Sub, "mul": graph.Mul, "div": graph.Div} {
		for shape, in := range map[string][]shapes.Shape{
			"same":          {f32(300, 200), f32(300, 200)},
			"scalar right":  {f32(33, 9), f32()},
			"scalar left":   {f32(), f32(33, 9)},
			"row":           {f32(70, 40), f32(1, 40)},
			"column":        {f32(70, 40), f32(70, 1)},
			"row left":      {f32(1, 40), f32(70, 40)},
			"outer product": {f32(70, 1), f32(1, 40)},
			"middle":        {f32(6, 1, 11, 5), f32(6, 7, 11, 5)},
			"both ways":     {f32(6, 1, 11, 5), f32(1, 7, 11, 1)},
			"ones":          {f32(1, 1, 100, 1), f32(1, 1, 100, 1)},
		} {
			tests[name+" "+shape] = struct {
				in    []shapes.Shape
				build build
			}{in, func(in []*graph.Node) *graph.Node { return op(in[0], in[1]) }}
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plain, ours, _ := both(t, tt.in, tt.build)
			if !reflect.DeepEqual(plain, ours) {
				t.Error("the results differ")
			}
		})
	}
}

// TestFusion compares fusion groups with the backend. Sums of rows add in another
// order.
func TestFusion(t *testing.T) {
	type nodes = []*graph.Node
	softmax := func(x *graph.Node) *graph.Node {
		e := graph.Exp(graph.Sub(x, graph.StopGradient(graph.ReduceAndKeep(x, graph.ReduceMax, -1))))
		return graph.Div(e, graph.ReduceAndKeep(e, graph.ReduceSum, -1))
	}
	rope := func(x, turn *graph.Node) *graph.Node {
		d := x.Shape().Dimensions
		half := d[3] / 2
		a := graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, half))
		z := graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(half, d[3]))
		turn = graph.Reshape(turn, 1, 1, d[2], half)
		return graph.Concatenate(nodes{graph.Sub(graph.Mul(a, turn), z), graph.Add(graph.Mul(z, turn), a)}, -1)
	}
	grad := func(y, x *graph.Node) *graph.Node { return graph.Gradient(graph.ReduceAllSum(graph.Mul(y, y)), x)[0] }
	for name, tt := range map[string]struct {
		in    []shapes.Shape
		build func(in nodes) *graph.Node
	}{
		"sum last":  {[]shapes.Shape{f32(70, 129)}, func(in nodes) *graph.Node { return graph.ReduceSum(in[0], -1) }},
		"sum all":   {[]shapes.Shape{f32(400, 77)}, func(in nodes) *graph.Node { return graph.ReduceAllSum(in[0]) }},
		"softmax":   {[]shapes.Shape{f32(3, 41, 53)}, func(in nodes) *graph.Node { return softmax(in[0]) }},
		"its slope": {[]shapes.Shape{f32(3, 41, 53)}, func(in nodes) *graph.Node { return grad(softmax(in[0]), in[0]) }},
		"heads": {[]shapes.Shape{f32(2*9, 24), f32(9, 4)}, func(in nodes) *graph.Node {
			x := permuted(graph.Reshape(graph.MulScalar(in[0], 3), 2, 9, 3, 8), 0, 2, 1, 3)
			return graph.Reshape(permuted(rope(x, in[1]), 0, 2, 1, 3), 18, 24)
		}},
		"slope of heads": {[]shapes.Shape{f32(2*9, 24), f32(9, 4)}, func(in nodes) *graph.Node {
			x := permuted(graph.Reshape(graph.MulScalar(in[0], 3), 2, 9, 3, 8), 0, 2, 1, 3)
			return grad(graph.Reshape(permuted(rope(x, in[1]), 0, 2, 1, 3), 18, 24), in[0])
		}},
		"beside each other, after rows": {[]shapes.Shape{f32(20, 32), f32(32, 32)}, func(in nodes) *graph.Node {
			y := graph.MatMul(in[0], in[1])
			return graph.Concatenate(nodes{graph.Reshape(y, -1), graph.Reshape(graph.Neg(y), -1)}, 0)
		}},
		"beside each other, repeated": {[]shapes.Shape{f32(5, 4, 1), f32(1, 30)}, func(in nodes) *graph.Node {
			columns, rows := graph.BroadcastToDims(in[0], 5, 4, 20), permuted(graph.BroadcastToDims(in[1], 40, 30), 1, 0)
			return graph.Concatenate(nodes{graph.Reshape(graph.Concatenate(nodes{columns, columns}, -1), -1), graph.Reshape(graph.Concatenate(nodes{rows, rows}, -1), -1)}, 0)
		}},
		"slope of parts": {[]shapes.Shape{f32(20, 96)}, func(in nodes) *graph.Node {
			part := func(i int) *graph.Node { return graph.Slice(in[0], graph.AxisRange(), graph.AxisRange(32*i, 32*(i+1))) }
			return grad(graph.Add(graph.Mul(part(2), part(0)), graph.Exp(part(1))), in[0])
		}},
		"slope of parts that begin elsewhere": {[]shapes.Shape{f32(40, 24)}, func(in nodes) *graph.Node {
			part := func(i int) *graph.Node { return graph.Slice(in[0], graph.AxisRange(), graph.AxisRange(i, i+8)) }
			return grad(graph.Add(graph.Mul(part(16), part(8)), graph.Exp(part(4))), in[0])
		}},
		"slope of parts that overlap": {[]shapes.Shape{f32(20, 96)}, func(in nodes) *graph.Node {
			part := func(i int) *graph.Node { return graph.Slice(in[0], graph.AxisRange(), graph.AxisRange(32*i, 32*(i+1))) }
			return grad(graph.Add(graph.Mul(part(2), part(0)), graph.Exp(part(0))), in[0])
		}},
		"transposed and not": {[]shapes.Shape{f32(40, 40)}, func(in nodes) *graph.Node {
			y := graph.Exp(in[0])
			return graph.Add(graph.Mul(y, y), graph.Transpose(y, 0, 1))
		}},
		"around a product": {[]shapes.Shape{f32(40, 40)}, func(in nodes) *graph.Node {
			y := graph.Neg(in[0])
			return graph.Add(graph.Sub(y, graph.MatMul(y, y)), y)
		}},
		"columns": {[]shapes.Shape{f32(40, 30), f32(40, 1)}, func(in nodes) *graph.Node {
			wide := graph.BroadcastToDims(graph.Sqrt(graph.AddScalar(graph.Mul(in[1], in[1]), 1)), 40, 30)
			return graph.Concatenate(nodes{graph.Div(in[0], graph.Mul(wide, wide)), wide}, 0)
		}},
		"one of all": {[]shapes.Shape{f32(64, 64), f32(64)}, func(in nodes) *graph.Node {
			size := graph.Sqrt(graph.ReduceAllSum(graph.Mul(in[0], in[0])))
			return graph.Add(graph.Mul(in[0], graph.Min(graph.OnesLike(size), graph.Reciprocal(size))), graph.Reshape(in[1], 1, 64))
		}},
		"names": {[]shapes.Shape{f32(64, 10)}, func(in nodes) *graph.Node {
			g := in[0].Graph()
			hit := graph.OneHot(graph.Iota(g, shapes.Make(dtypes.Int32, 64), 0), 10, dtypes.Float32)
			return graph.ReduceSum(graph.Mul(in[0], hit), -1)
		}},
		"in place": {[]shapes.Shape{f32(50, 50), f32(50, 50)}, func(in nodes) *graph.Node {
			a := graph.MatMul(in[0], in[1])
			b := graph.Max(graph.MulScalar(a, 0.9), in[0])
			return graph.Concatenate(nodes{b, graph.Sub(a, graph.Abs(b)), graph.Transpose(graph.Mul(a, a), 0, 1)}, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			plain, ours, _ := both(t, tt.in, tt.build)
			near(t, plain, ours, 1e-5)
		})
	}
}

// TestCores compares the bits with different numbers of cores.
func TestCores(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testCores(t, 300, 700, 400, graph.MatMul) })
	eachHalf(t, func(t *testing.T) {
		testCores(t, 100, 270, 70, func(a, b *graph.Node) *graph.Node { return halfProduct(a, b, []int{1}, nil, []int{0}, nil) })
	})
}

// eachHalf runs a test with each way to multiply bfloat16 numbers: the processor's, in
// the tiles of float32, and with models of instructions that not every processor has.
func eachHalf(t *testing.T, test func(t *testing.T)) {
	processor := simd.Half
	defer func() { simd.Half = processor }()
	ways := map[string]*simd.HalfTiles{"processor": processor(), "widened": nil}
	if !testing.Short() {
		ways["pairs"] = &simd.HalfTiles{Rows: 8, Group: 1, Multiply: model.AVX512}
		ways["groups"] = &simd.HalfTiles{Rows: 32, Group: 16, ByRows: true, Multiply: model.AMX}
	}
	for name, half := range ways {
		simd.Half = func() *simd.HalfTiles { return half }
		t.Run("bfloat16 "+name, test)
	}
}

// halfProduct is a product of factors that are rounded to bfloat16, as float32.
func halfProduct(a, b *graph.Node, contractA, batchA, contractB, batchB []int) *graph.Node {
	half := func(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.BFloat16) }
	dot := graph.Dot(half(a), half(b)).WithAccumulatorDType(dtypes.InvalidDType).General(contractA, batchA, contractB, batchB)
	return graph.ConvertDType(dot, dtypes.Float32)
}

func testCores(t *testing.T, m, k, n int, product func(a, b *graph.Node) *graph.Node) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	var first []float32
	for _, cores := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(cores)
		_, ours, _ := both(t, []shapes.Shape{f32(m, k), f32(k, n), f32(1, n)}, func(in []*graph.Node) *graph.Node {
			y := graph.Tanh(graph.Mul(product(in[0], in[1]), in[2]))
			y = graph.Div(y, graph.Sqrt(graph.AddScalar(graph.ReduceAndKeep(graph.Mul(y, y), graph.ReduceMean, -1), 1e-5)))
			loss := graph.ReduceAllSum(graph.Mul(y, graph.Sigmoid(y)))
			grads := graph.Gradient(loss, in...)
			size := graph.ReduceAllSum(graph.Mul(grads[0], grads[0]))
			return graph.Concatenate([]*graph.Node{graph.Reshape(grads[1], k*n), graph.Reshape(grads[2], n), graph.Reshape(size, 1)}, 0)
		})
		if first == nil {
			first = ours
		}
		if !reflect.DeepEqual(first, ours) {
			t.Errorf("with %d cores the results differ from those with one", cores)
		}
	}
}

// near fails if an element is further from the one wanted than tolerance, absolute
// and relative.
func near(t *testing.T, want, got []float32, tolerance float64) {
	t.Helper()
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		if d := math.Abs(w - g); !(d <= tolerance*math.Abs(w)+tolerance) {
			t.Fatalf("element %d is %v, want %v as the backend computes", i, g, w)
		}
	}
}

// TestProducts compares products with the backend, through rearrangements of
// their factors and results.
func TestProducts(t *testing.T) {
	for name, tt := range map[string]struct {
		in    []shapes.Shape
		build func(in []*graph.Node) *graph.Node
	}{
		"plain": {[]shapes.Shape{f32(37, 53), f32(53, 41)}, func(in []*graph.Node) *graph.Node { return graph.MatMul(in[0], in[1]) }},
		"both transposed": {[]shapes.Shape{f32(53, 37), f32(41, 53)}, func(in []*graph.Node) *graph.Node {
			return graph.MatMul(graph.Transpose(in[0], 0, 1), graph.Transpose(in[1], 0, 1))
		}},
		"result transposed": {[]shapes.Shape{f32(37, 53), f32(53, 41)}, func(in []*graph.Node) *graph.Node {
			return graph.Transpose(graph.MatMul(in[0], in[1]), 0, 1)
		}},
		"result used twice": {[]shapes.Shape{f32(37, 53), f32(53, 37)}, func(in []*graph.Node) *graph.Node {
			y := graph.MatMul(in[0], in[1])
			return graph.Add(y, graph.Transpose(y, 0, 1))
		}},
		"heads": {[]shapes.Shape{f32(2*9, 24), f32(24, 24)}, func(in []*graph.Node) *graph.Node {
			x := permuted(graph.Reshape(graph.MatMul(in[0], in[1]), 2, 9, 3, 8), 0, 2, 1, 3)
			scores := graph.DotGeneral(x, []int{3}, []int{0, 1}, x, []int{3}, []int{0, 1})
			out := graph.DotGeneral(scores, []int{3}, []int{0, 1}, x, []int{2}, []int{0, 1})
			return graph.MatMul(graph.Reshape(permuted(out, 0, 2, 1, 3), 18, 24), in[1])
		}},
		"factors not even": {[]shapes.Shape{f32(2, 3, 9, 8), f32(24, 5)}, func(in []*graph.Node) *graph.Node {
			return graph.MatMul(graph.Reshape(permuted(in[0], 0, 2, 1, 3), 18, 24), in[1])
		}},
		"slices": {[]shapes.Shape{f32(20, 30), f32(40, 50)}, func(in []*graph.Node) *graph.Node {
			return graph.MatMul(graph.Slice(in[0], graph.AxisRange(3, 15), graph.AxisRange(0, 30)), graph.Slice(in[1], graph.AxisRange(0, 30), graph.AxisRange(7, 33)))
		}},
		"repeated": {[]shapes.Shape{f32(4, 1, 6, 8), f32(4, 3, 6, 8)}, func(in []*graph.Node) *graph.Node {
			shared := graph.Reshape(graph.BroadcastToDims(in[0], 4, 3, 6, 8), 12, 6, 8)
			return graph.DotGeneral(shared, []int{2}, []int{0}, graph.Reshape(in[1], 12, 6, 8), []int{2}, []int{0})
		}},
		"inner and outer": {[]shapes.Shape{f32(70), f32(70)}, func(in []*graph.Node) *graph.Node {
			return graph.MulScalar(graph.DotGeneral(in[0], nil, nil, in[1], nil, nil), 2)
		}},
		"twice over": {[]shapes.Shape{f32(64, 64), f32(64, 64)}, func(in []*graph.Node) *graph.Node {
			y := graph.MatMul(in[0], graph.Transpose(in[1], 0, 1))
			return graph.MatMul(graph.Transpose(y, 0, 1), y)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			plain, ours, _ := both(t, tt.in, tt.build)
			near(t, plain, ours, 1e-3)
		})
	}
}

// TestHalf compares computations with bfloat16 factors with the backend. Products
// add in another order, and a result next to the middle of two bfloat16 numbers then
// rounds to the other one.
func TestHalf(t *testing.T) { eachHalf(t, testHalf) }

func testHalf(t *testing.T) {
	half := func(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.BFloat16) }
	wide := func(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float32) }
	product := func(a, b *graph.Node) *graph.Node { return halfProduct(a, b, []int{1}, nil, []int{0}, nil) }
	for name, tt := range map[string]struct {
		in    []shapes.Shape
		build func(in []*graph.Node) *graph.Node
	}{
		"rounding": {[]shapes.Shape{f32(70, 30)}, func(in []*graph.Node) *graph.Node { return wide(half(in[0])) }},
		"infinite": {[]shapes.Shape{f32(70, 30)}, func(in []*graph.Node) *graph.Node {
			return wide(half(graph.MulScalar(graph.MulScalar(in[0], 1e30), 1e30)))
		}},
		"product": {[]shapes.Shape{f32(37, 53), f32(53, 41)}, func(in []*graph.Node) *graph.Node { return product(in[0], in[1]) }},
		"transposed": {[]shapes.Shape{f32(53, 37), f32(53, 41)}, func(in []*graph.Node) *graph.Node {
			return graph.Transpose(product(graph.Transpose(in[0], 0, 1), in[1]), 0, 1)
		}},
		"gradient": {[]shapes.Shape{f32(37, 53), f32(53, 41)}, func(in []*graph.Node) *graph.Node {
			y := product(graph.Tanh(in[0]), in[1])
			grads := graph.Gradient(graph.ReduceAllSum(graph.Mul(y, y)), in...)
			return graph.Concatenate([]*graph.Node{graph.Reshape(grads[0], -1), graph.Reshape(grads[1], -1)}, 0)
		}},
		"product of views": {[]shapes.Shape{f32(2, 3, 8, 5), f32(2, 5, 9)}, func(in []*graph.Node) *graph.Node {
			a := graph.Slice(graph.Reshape(half(in[0]), 6, 8, 5), graph.AxisRange(1, 5))
			b := graph.BroadcastToDims(graph.Reshape(graph.Slice(half(in[1]), graph.AxisRange(1)), 1, 5, 9), 4, 5, 9)
			return wide(graph.Dot(a, b).WithAccumulatorDType(dtypes.InvalidDType).General([]int{2}, []int{0}, []int{1}, []int{0}))
		}},
		"product of sums": {[]shapes.Shape{f32(37, 53), f32(53, 41)}, func(in []*graph.Node) *graph.Node {
			return wide(graph.Dot(graph.Add(half(in[0]), half(in[0])), half(in[1])).WithAccumulatorDType(dtypes.InvalidDType).General([]int{1}, nil, []int{0}, nil))
		}},
		"arithmetic": {[]shapes.Shape{f32(40, 40), f32(40, 40)}, func(in []*graph.Node) *graph.Node {
			a, b := half(in[0]), half(in[1])
			return wide(graph.Sub(graph.MulScalar(graph.Add(a, b), 3.4445), graph.Neg(graph.Mul(a, graph.Transpose(b, 0, 1)))))
		}},
		"sums": {[]shapes.Shape{f32(40, 40)}, func(in []*graph.Node) *graph.Node { // which are not widened
			a := half(in[0])
			return wide(graph.Add(a, graph.ReduceAndKeep(a, graph.ReduceMax, -1)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			plain, ours, _ := both(t, tt.in, tt.build)
			if strings.HasPrefix(name, "product") || name == "transposed" || name == "gradient" {
				near(t, plain, ours, 1e-2)
			} else if !reflect.DeepEqual(plain, ours) {
				t.Error("the results differ")
			}
		})
	}
}

// TestLongSums checks that long sums keep the digits that one running float32 sum
// loses.
func TestLongSums(t *testing.T) {
	const n = 1_000_003
	for name, tt := range map[string]struct {
		in    shapes.Shape
		build func(x *graph.Node) *graph.Node
	}{
		"row":    {f32(n), func(x *graph.Node) *graph.Node { return graph.ReduceAllSum(x) }},
		"column": {f32(n, 2), func(x *graph.Node) *graph.Node { return graph.ReduceSum(x, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			_, ours, in := both(t, []shapes.Shape{tt.in}, func(in []*graph.Node) *graph.Node {
				return tt.build(graph.Mul(in[0], in[0]))
			})
			for c, got := range ours {
				want := 0.0
				for i := c; i < len(in[0]); i += len(ours) {
					want += float64(in[0][i]) * float64(in[0][i])
				}
				if math.Abs(float64(got)-want) > 2e-6*want {
					t.Errorf("sum %d of %d squares = %v, want %v", c, n, got, want)
				}
			}
		})
	}
}

// TestFunctions compares vectorized functions with those of package math, also at the
// ends of their ranges.
func TestFunctions(t *testing.T) {
	edges := []float32{0, 1, -1, 88.7, 88.8, 1000, -87.3, -87.4, -1000, 1e-8, -1e-8, 0.6249, 0.6251, 0.9277, 0.9278, 4, -4, 9.5, -9.5,
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for _, tt := range []struct {
		name  string
		build func(x *graph.Node) *graph.Node
		want  func(float64) float64
	}{
		{"exp", graph.Exp, math.Exp},
		{"logistic", graph.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"tanh", graph.Tanh, math.Tanh},
		{"erf", graph.Erf, math.Erf},
		{"sqrt", graph.Sqrt, math.Sqrt},
	} {
		for _, scale := range []float32{0.01, 1, 20} {
			_, ours, in := both(t, []shapes.Shape{f32(1003)}, func(in []*graph.Node) *graph.Node {
				x := graph.Mul(in[0], graph.Const(in[0].Graph(), scale))
				return tt.build(graph.Concatenate([]*graph.Node{x, graph.Const(x.Graph(), edges)}, 0))
			})
			xs := in[0]
			for i, got := range ours {
				x := float32(0)
				if i < len(xs) {
					x = xs[i] * scale
				} else {
					x = edges[i-len(xs)]
				}
				want := float32(tt.want(float64(x)))
				switch {
				case math.IsNaN(float64(want)):
					if !math.IsNaN(float64(got)) {
						t.Errorf("%s(%v) = %v, want NaN", tt.name, x, got)
					}
				case got == want || math.Abs(float64(want)) < 1.2e-38 && math.Abs(float64(got)) < 1.2e-38: // subnormal results are flushed
				case math.Abs(float64(got-want)) > 3e-7*math.Abs(float64(want)):
					t.Errorf("%s(%v) = %v, want %v", tt.name, x, got, want)
				}
			}
		}
	}
}
