package express

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

const rows, columns = 3, 4

var types = map[string]formula.Type{"x": formula.Element, "a": formula.Scalar, "g": formula.Width, "r": formula.Row}

var order = []string{"x", "a", "g", "r"}

// A matrix is a value of a formula in the reference: 1 or all rows by 1 or all columns.
type matrix struct {
	down, along int
	v           []float64
}

func (m matrix) at(i, j int) float64 {
	return m.v[min(i, m.down-1)*m.along+min(j, m.along-1)]
}

func fill(down, along int, f func(i, j int) float64) matrix {
	m := matrix{down, along, make([]float64, down*along)}
	for i := range down {
		for j := range along {
			m.v[i*along+j] = f(i, j)
		}
	}
	return m
}

var references = map[string]func(x ...float64) float64{
	"neg": func(x ...float64) float64 { return -x[0] }, "add": func(x ...float64) float64 { return x[0] + x[1] },
	"sub": func(x ...float64) float64 { return x[0] - x[1] }, "mul": func(x ...float64) float64 { return x[0] * x[1] },
	"div": func(x ...float64) float64 { return x[0] / x[1] }, "min": func(x ...float64) float64 { return min(x[0], x[1]) },
	"max": func(x ...float64) float64 { return max(x[0], x[1]) }, "abs": func(x ...float64) float64 { return math.Abs(x[0]) },
	"sqrt": func(x ...float64) float64 { return math.Sqrt(x[0]) }, "exp": func(x ...float64) float64 { return math.Exp(x[0]) },
	"log": func(x ...float64) float64 { return math.Log(x[0]) }, "log1p": func(x ...float64) float64 { return math.Log1p(x[0]) },
	"square": func(x ...float64) float64 { return x[0] * x[0] }, "pow": func(x ...float64) float64 { return math.Pow(x[0], x[1]) },
	"tanh": func(x ...float64) float64 { return math.Tanh(x[0]) }, "erf": func(x ...float64) float64 { return math.Erf(x[0]) },
	"sigmoid": func(x ...float64) float64 { return 1 / (1 + math.Exp(-x[0])) },
	"silu":    func(x ...float64) float64 { return x[0] / (1 + math.Exp(-x[0])) },
	"gelu":    func(x ...float64) float64 { return x[0] * 0.5 * (1 + math.Erf(x[0]/math.Sqrt2)) },
	"relu":    func(x ...float64) float64 { return max(x[0], 0) }, "softplus": func(x ...float64) float64 { return math.Log1p(math.Exp(x[0])) },
	"sin": func(x ...float64) float64 { return math.Sin(x[0]) }, "cos": func(x ...float64) float64 { return math.Cos(x[0]) },
	"asinh": func(x ...float64) float64 { return math.Asinh(x[0]) }, "clip": func(x ...float64) float64 { return min(max(x[0], x[1]), x[2]) },
	"lt": func(x ...float64) float64 { return truth(x[0] < x[1]) }, "ge": func(x ...float64) float64 { return truth(x[0] >= x[1]) },
	"and": func(x ...float64) float64 { return x[0] * x[1] }, "not": func(x ...float64) float64 { return 1 - x[0] },
	"where": func(x ...float64) float64 { return x[1]*x[0] + x[2]*(1-x[0]) },
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func variance(v []float64) float64 {
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(v))
}

var alongRow = map[string]func(v []float64) float64{
	"mean": mean, "sum": func(v []float64) float64 { return mean(v) * float64(len(v)) }, "variance": variance,
	"std": func(v []float64) float64 { return math.Sqrt(variance(v)) },
	"rms": func(v []float64) float64 {
		m := mean(v)
		return math.Sqrt(variance(v) + m*m)
	},
	"largest": func(v []float64) float64 {
		top := v[0]
		for _, x := range v {
			top = max(top, x)
		}
		return top
	},
}

// singular reports whether a row is constant, where a root has no gradient, or has no
// single largest element.
func singular(row []float64) bool {
	sorted := slices.Sorted(slices.Values(row))
	n := len(sorted)
	return variance(row) < 1e-4 || n > 1 && sorted[n-1]-sorted[n-2] < 1e-2
}

// interpret computes a formula in float64, and the largest value on the way.
func interpret(f formula.Formula, names map[string]matrix) (m matrix, largest float64) {
	values := make([]matrix, len(f.Nodes))
	for i, n := range f.Nodes {
		args, down, along := make([]matrix, len(n.Args)), 1, 1
		for j, a := range n.Args {
			args[j] = values[a]
			down, along = max(down, args[j].down), max(along, args[j].along)
		}
		switch reduce := alongRow[n.Op]; {
		case n.Op == "number" || n.Op == "truth":
			values[i] = matrix{1, 1, []float64{n.Number}}
		case n.Op == "name":
			values[i] = names[n.Name]
		case reduce != nil:
			values[i] = fill(down, 1, func(r, _ int) float64 {
				row := args[0].v[r*along : (r+1)*along]
				if n.Op != "mean" && n.Op != "sum" && singular(row) {
					return math.Inf(1)
				}
				return reduce(row)
			})
		default:
			values[i] = fill(down, along, func(r, c int) float64 {
				x := make([]float64, len(args))
				for j, a := range args {
					x[j] = a.at(r, c)
				}
				return references[n.Op](x...)
			})
		}
		for _, v := range values[i].v {
			if math.IsNaN(v) {
				v = math.Inf(1)
			}
			largest = max(largest, math.Abs(v))
		}
	}
	return values[len(values)-1], largest
}

// random makes a formula from the grammar.
type random struct {
	*rand.Rand
	b formula.Builder
}

func (r *random) call(op string, args ...*formula.Part) *formula.Part {
	p, mistake := r.b.Call(op, args, nil)
	if mistake != nil {
		return r.b.Name("x", nil)
	}
	return p
}

func pick(r *random, from ...string) string { return from[r.IntN(len(from))] }

func (r *random) positive(depth int) *formula.Part {
	return r.call("add", r.call("square", r.part(depth)), r.b.Number(0.5, nil))
}

func (r *random) truth(depth int) *formula.Part {
	p := r.call(pick(r, "lt", "ge"), r.part(depth), r.part(depth))
	if r.IntN(3) == 0 {
		p = r.call("and", r.call("not", p), r.call("lt", r.part(depth), r.b.Number(0.3, nil)))
	}
	return p
}

func (r *random) part(depth int) *formula.Part {
	if depth == 0 || r.IntN(8) == 0 {
		if r.IntN(4) == 0 {
			return r.b.Number(math.Round(r.NormFloat64()*8)/4, nil)
		}
		return r.b.Name(order[r.IntN(len(order))], nil)
	}
	d := depth - 1
	switch r.IntN(8) {
	case 0:
		return r.call("div", r.part(d), r.positive(d))
	case 1:
		return r.call(pick(r, "sqrt", "log", "log1p"), r.positive(d))
	case 2:
		return r.call("where", r.truth(d), r.part(d), r.part(d))
	case 3:
		return r.call(pick(r, "mean", "sum", "variance", "largest", "rms", "std"), r.part(d))
	case 4, 5:
		return r.call(pick(r, "add", "sub", "mul", "min", "max"), r.part(d), r.part(d))
	case 6:
		return r.call("pow", r.positive(d), r.b.Number(1.5, nil))
	}
	return r.call(pick(r, "neg", "abs", "exp", "square", "tanh", "erf", "sigmoid", "silu", "gelu", "relu", "softplus", "sin", "cos", "asinh"), r.part(d))
}

// formula makes one that has a value for each element.
func (r *random) formula() formula.Formula {
	p := r.call("add", r.part(4), r.call("mul", r.b.Name("x", nil), r.b.Name("g", nil)))
	f, _ := p.Formula()
	return f
}

// loss is a weighted sum of all elements.
func loss(m matrix) float64 {
	sum := 0.0
	for i := range rows {
		for j := range columns {
			sum += m.at(i, j) * weight(i, j)
		}
	}
	return sum
}

func weight(i, j int) float64 { return 0.3 + 0.1*float64(i*columns+j) }

// Random formulas and their gradients agree with an interpreter in float64 and its
// central differences.
func TestRandomFormulas(t *testing.T) {
	compared := 0
	for seed := range uint64(300) {
		r := &random{Rand: rand.New(rand.NewPCG(seed, 1))}
		f := r.formula()
		if _, list := f.Check(diag.Path{"y"}, formula.Scope{Place: "a test", Names: types, Functions: formula.Elementwise | formula.Across, Computed: formula.Tensor}); len(list) > 0 {
			continue // a reduction of what has no width
		}
		names := map[string]matrix{}
		for _, name := range order {
			down, along := 1, 1
			if types[name].Down == formula.Rows {
				down = rows
			}
			if types[name].Along == formula.Columns {
				along = columns
			}
			names[name] = fill(down, along, func(int, int) float64 { return float64(float32(r.NormFloat64())) })
		}
		if compare(t, f, names) {
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d formulas were compared", compared)
	}
}

// compare reports whether a formula is tame enough to be compared.
func compare(t *testing.T, f formula.Formula, names map[string]matrix) bool {
	want, largest := interpret(f, names)
	if largest > 30 {
		return false
	}
	var slopes []float64
	for _, name := range order {
		m := names[name]
		for k := range m.v {
			was := m.v[k]
			difference := func(h float64) float64 {
				m.v[k] = was + h
				up, _ := interpret(f, names)
				m.v[k] = was - h
				down, _ := interpret(f, names)
				m.v[k] = was
				return (loss(up) - loss(down)) / (2 * h)
			}
			wide, narrow := difference(1e-3), difference(1e-5)
			if math.Abs(wide-narrow) > 1e-3*(1+math.Abs(narrow)) || math.Abs(narrow) > 100 {
				return false // a kink is near
			}
			slopes = append(slopes, narrow)
		}
	}
	compareEvaluation(t, f, names, want, slopes)
	got := run(t, f, names)
	check := func(what string, got float32, want float64) {
		if diff := math.Abs(float64(got) - want); !(diff <= 1e-5*(1+largest)*(1+math.Abs(want))) {
			t.Errorf("%s: %s = %v, want %v", f, what, got, want)
		}
	}
	for k, v := range got[0] {
		check(fmt.Sprintf("y[%d]", k), v, want.at(k/columns, k%columns))
	}
	k := 0
	for i, name := range order {
		for j, v := range got[i+1] {
			check(fmt.Sprintf("gradient of %s[%d]", name, j), v, slopes[k])
			k++
		}
	}
	return true
}

// compareEvaluation compares the evaluation for plots and warnings, which computes in
// float64 too.
func compareEvaluation(t *testing.T, f formula.Formula, names map[string]matrix, want matrix, slopes []float64) {
	t.Helper()
	grids := make(map[string]formula.Grid)
	for name, m := range names {
		grids[name] = formula.Grid{Rows: m.down, Columns: m.along, Values: m.v}
	}
	check := func(what string, got, want float64) {
		if !(math.Abs(got-want) <= 1e-5*(1+math.Abs(want))) {
			t.Errorf("%s: %s is evaluated to %v, want %v", f, what, got, want)
		}
	}
	e := f.Evaluate(grids, nil)
	result := e.Result()
	for k, v := range result.Values {
		check(fmt.Sprintf("y[%d]", k), v, want.at(k/result.Columns, k%result.Columns))
	}
	weights := formula.NewGrid(result.Rows, result.Columns, func(int, int) float64 { return 0 })
	for i := range rows {
		for j := range columns {
			weights.Values[min(i, result.Rows-1)*result.Columns+min(j, result.Columns-1)] += weight(i, j)
		}
	}
	gradients := e.Gradients(weights)
	k := 0
	for _, name := range order {
		size := len(names[name].v)
		at := slices.IndexFunc(f.Nodes, func(n formula.Node) bool { return n.Name == name })
		for j := range size {
			got := 0.0
			if at >= 0 {
				got = gradients[at].Values[j]
			}
			check(fmt.Sprintf("gradient of %s[%d]", name, j), got, slopes[k])
			k++
		}
	}
}

// run computes a formula and its gradients by the graph.
func run(t *testing.T, f formula.Formula, names map[string]matrix) [][]float32 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := ml.Program{Name: "formula"}
	var args []compute.Buffer
	for _, name := range order {
		m := names[name]
		shape := []int{m.down, m.along}
		switch types[name] {
		case formula.Scalar:
			shape = nil
		case formula.Width:
			shape = []int{m.along}
		}
		p.Inputs = append(p.Inputs, ml.Input{Name: name, Shape: shape, DType: dtypes.Float32})
		values := make([]float32, len(m.v))
		for i, v := range m.v {
			values[i] = float32(v)
		}
		buf, err := ml.NewBuffer(b, shape, values)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, buf)
	}
	p.Build = func(in []*graph.Node) []*graph.Node {
		own := make(map[string]Value)
		for i, name := range order {
			own[name] = Tensor(types[name], in[i])
		}
		y := One(in[0].Graph(), own).Float32(f)
		w := fill(rows, columns, weight)
		weights := make([][]float32, rows)
		for i := range weights {
			for j := range columns {
				weights[i] = append(weights[i], float32(w.at(i, j)))
			}
		}
		sum := graph.ReduceAllSum(graph.Mul(y, graph.Const(y.Graph(), weights)))
		return append([]*graph.Node{y}, graph.Gradient(sum, in...)...)
	}
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	defer e.Finalize()
	bufs, err := e.Run(args, nil)
	if err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	out := make([][]float32, len(bufs))
	for i, buf := range bufs {
		if out[i], err = ml.Float32s(buf); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
