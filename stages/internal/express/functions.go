package express

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/formula"
)

var unary = map[string]func(x *Node) *Node{
	"neg": Neg, "not": LogicalNot, "abs": Abs, "sqrt": Sqrt, "exp": Exp, "log": Log, "log1p": Log1P,
	"tanh": Tanh, "erf": Erf, "sigmoid": Sigmoid, "sin": Sin, "cos": Cos, "asinh": Asinh,
	"square":   func(x *Node) *Node { return Mul(x, x) },
	"silu":     func(x *Node) *Node { return Mul(x, Sigmoid(x)) },
	"gelu":     GELU,
	"relu":     func(x *Node) *Node { return MaxScalar(x, 0) },
	"softplus": softplus,
	"sign":     Sign, "stop_gradient": StopGradient,
}

var binary = map[string]func(a, b *Node) *Node{
	"add": Add, "sub": Sub, "mul": Mul, "div": Div, "pow": Pow, "min": Min, "max": Max,
	"lt": LessThan, "le": LessOrEqual, "gt": GreaterThan, "ge": GreaterOrEqual, "eq": Equal, "ne": NotEqual,
	"and": LogicalAnd, "or": LogicalOr,
}

// reductions have the functions that do not go element by element, except those of
// whole matrices.
var reductions = map[string]func(x *Node, t formula.Type) Value{
	"mean":    func(x *Node, t formula.Type) Value { return along(x, t, ReduceMean) },
	"sum":     func(x *Node, t formula.Type) Value { return along(x, t, ReduceSum) },
	"largest": func(x *Node, t formula.Type) Value { return along(x, t, ReduceMax) },
	"rms": func(x *Node, t formula.Type) Value {
		v := along(Mul(x, x), t, ReduceMean)
		v.Node = Sqrt(v.Node)
		return v
	},
	"variance": func(x *Node, t formula.Type) Value {
		return along(squares(x, along(x, t, ReduceMean).Node), t, ReduceMean)
	},
	"std": func(x *Node, t formula.Type) Value {
		v := along(squares(x, along(x, t, ReduceMean).Node), t, ReduceMean)
		v.Node = Sqrt(v.Node)
		return v
	},
	"norm_all": func(x *Node, _ formula.Type) Value { return Tensor(formula.Scalar, Sqrt(ReduceAllSum(Mul(x, x)))) },
	"transpose": func(x *Node, t formula.Type) Value {
		t.Down, t.Along = t.Along, t.Down
		return Tensor(t, Transpose(x, 0, 1))
	},
	"mean_columns": func(x *Node, t formula.Type) Value { return along(x, t, ReduceMean) },
	"mean_rows": func(x *Node, t formula.Type) Value {
		t.Down = formula.One
		return Tensor(t, ReduceAndKeep(x, ReduceMean, 0))
	},
	"mean_all": func(x *Node, _ formula.Type) Value { return Tensor(formula.Scalar, ReduceAllMean(x)) },
	"rms_all":  func(x *Node, _ formula.Type) Value { return Tensor(formula.Scalar, Sqrt(ReduceAllMean(Mul(x, x)))) },
	"std_all": func(x *Node, _ formula.Type) Value {
		return Tensor(formula.Scalar, Sqrt(ReduceAllMean(squares(x, ReduceAllMean(x)))))
	},
}

// along reduces over the width. A vector by itself becomes one number.
func along(x *Node, t formula.Type, by func(x *Node, axes ...int) *Node) Value {
	t.Along = formula.One
	if x.Rank() == 1 {
		return Tensor(t, by(x, -1))
	}
	return Tensor(t, ReduceAndKeep(x, by, -1))
}

// squares are the squared distances from a mean.
func squares(x, mean *Node) *Node {
	d := Sub(x, mean)
	return Mul(d, d)
}

// GELU is x Φ(x), by the error function.
func GELU(x *Node) *Node {
	return MulScalar(Mul(x, OnePlus(Erf(MulScalar(x, 1/math.Sqrt2)))), 0.5)
}

// softplus is ln(1 + eˣ), written so that nothing overflows.
func softplus(x *Node) *Node {
	return Add(MaxScalar(x, 0), Log1P(Exp(Neg(Abs(x)))))
}

// Asinh is ln(z + √(z² + 1)), written for the size of z so that it loses no
// digits at either side or near 0, and so that its slope at 0 is 1.
func Asinh(z *Node) *Node {
	negative := LessThan(z, ScalarZero(z.Graph(), z.DType()))
	size := Where(negative, Neg(z), z)
	square := Mul(size, size)
	l := Log1P(Add(size, Div(square, OnePlus(Sqrt(OnePlus(square))))))
	return Where(negative, Neg(l), l)
}

// PooledStd returns the function pooled_std: the standard deviation over all lanes.
// Lanes are of one shape, so the variance of the whole is the mean variance within
// plus the variance of the means.
func (b *Builder) PooledStd(args [][]Value) []Value {
	var xs []*Node
	for lane := range max(b.Lanes, len(args[0])) {
		xs = append(xs, Lane(args[0], lane).Float32(b.Graph))
	}
	return []Value{Tensor(formula.Scalar, Sqrt(Pooled(xs)))}
}

// Pooled is the variance of all elements of tensors of one shape.
func Pooled(xs []*Node) *Node {
	means := make([]*Node, len(xs))
	var mean, within *Node
	for i, x := range xs {
		means[i] = ReduceAllMean(x)
		mean, within = plus(mean, means[i]), plus(within, ReduceAllMean(squares(x, means[i])))
	}
	if len(xs) == 1 {
		return within
	}
	n := float64(len(xs))
	variance := DivScalar(within, n)
	mean = DivScalar(mean, n)
	var between *Node
	for _, m := range means {
		between = plus(between, squares(m, mean))
	}
	return Add(variance, DivScalar(between, n))
}

func plus(sum, x *Node) *Node {
	if sum == nil {
		return x
	}
	return Add(sum, x)
}
