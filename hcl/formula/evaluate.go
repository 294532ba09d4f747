package formula

import "math"

// Evaluation is a formula computed in float64, for plots and for warnings before
// anything is trained. Trials compute formulas elsewhere, in graphs.
type Evaluation struct {
	Formula Formula
	Values  []Grid // one for each node
}

// MatrixFunction is a function of a matrix with a constant, such as newton_schulz.
type MatrixFunction func(x Grid, constant float64) Grid

// Evaluate computes a formula that has been checked. Matrix functions that iterate are
// those of the caller.
func (f Formula) Evaluate(names map[string]Grid, iterating map[string]MatrixFunction) *Evaluation {
	e := &Evaluation{Formula: f, Values: make([]Grid, len(f.Nodes))}
	for i, n := range f.Nodes {
		switch n.Op {
		case opNumber, opTruth:
			e.Values[i] = Single(n.Number)
		case opName:
			e.Values[i] = names[n.Name]
		default:
			g := e.apply(n, iterating)
			for k, v := range g.Values {
				g.Values[k] = single(v)
			}
			e.Values[i] = g
		}
	}
	return e
}

// Result is the value of the formula.
func (e *Evaluation) Result() Grid { return e.Values[len(e.Values)-1] }

func (e *Evaluation) apply(n Node, iterating map[string]MatrixFunction) Grid {
	args := make([]Grid, len(n.Args))
	for j, a := range n.Args {
		args[j] = e.Values[a]
	}
	fn := functions[n.Op]
	if fn.reach == broadcast {
		return elementwise(n.Op, args)
	}
	if r, ok := reductionOf(n.Op); ok {
		return r.reduce(args[0], fn.reach)
	}
	x := args[0]
	switch n.Op {
	case "first":
		return NewGrid(x.Rows, Share(x.Columns, args[1].Values[0]), x.At)
	case "transpose":
		return NewGrid(x.Columns, x.Rows, func(i, j int) float64 { return x.At(j, i) })
	case "matmul":
		return NewGrid(x.Rows, args[1].Columns, func(i, j int) float64 {
			sum := 0.0
			for k := range x.Columns {
				sum += x.At(i, k) * args[1].At(k, j)
			}
			return sum
		})
	}
	return iterating[n.Op](x, args[1].Values[0])
}

// Share is how many of n columns a share is, rounded up and at least one. The margin
// keeps a product such as 0.07 · 100, which is a little above 7 in float64, from counting
// one more.
func Share(n int, share float64) int {
	return max(1, int(math.Ceil(float64(share*float64(n))-1e-9)))
}

func elementwise(op string, args []Grid) Grid {
	rows, columns := 1, 1
	for _, a := range args {
		rows, columns = max(rows, a.Rows), max(columns, a.Columns)
	}
	value := valueOf(op)
	x := make([]float64, len(args))
	return NewGrid(rows, columns, func(i, j int) float64 {
		for k, a := range args {
			x[k] = a.At(i, j)
		}
		return value(x)
	})
}

func valueOf(op string) func(x []float64) float64 {
	if n, ok := numerics[op]; ok {
		return n.value
	}
	return func(x []float64) float64 {
		v, _, _ := Exact(op, x)
		return v
	}
}

// Gradients are the derivatives of a weighted sum of the result with respect to each
// node, as reverse differentiation computes them. Where no gradient passes they are 0.
// Formulas with functions of matrices have none.
func (e *Evaluation) Gradients(weights Grid) []Grid {
	out := make([]Grid, len(e.Values))
	for i, v := range e.Values {
		out[i] = Grid{v.Rows, v.Columns, make([]float64, len(v.Values))}
	}
	out[len(out)-1] = weights
	for i := len(out) - 1; i >= 0; i-- {
		if n := e.Formula.Nodes[i]; len(n.Args) > 0 && !functions[n.Op].flat {
			e.back(i, n, out)
		}
	}
	return out
}

// back passes the gradient of a node to its operands.
func (e *Evaluation) back(i int, n Node, gradients []Grid) {
	own, value := gradients[i], e.Values[i]
	if r, ok := reductionOf(n.Op); ok {
		r.back(e.Values[n.Args[0]], value, own, gradients[n.Args[0]], functions[n.Op].reach)
		return
	}
	if n.Op == "first" {
		to := gradients[n.Args[0]]
		for k, g := range own.Values {
			to.Values[to.index(k/own.Columns, k%own.Columns)] += g
		}
		return
	}
	x, d := make([]float64, len(n.Args)), make([]float64, len(n.Args))
	for k, g := range own.Values {
		row, column := k/own.Columns, k%own.Columns
		for j, a := range n.Args {
			x[j], d[j] = e.Values[a].At(row, column), 0
		}
		numerics[n.Op].slope(x, value.Values[k], d)
		for j, a := range n.Args {
			if n.Op == "where" && j == 0 {
				continue
			}
			to := gradients[a]
			to.Values[to.index(row, column)] += g * d[j]
		}
	}
}
