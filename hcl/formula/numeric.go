package formula

import "math"

// numeric computes a function of numbers in float64.
type numeric struct {
	value func(x []float64) float64
	// slope adds the derivatives with respect to the operands, at y = value(x). It is
	// nil where no gradient passes.
	slope func(x []float64, y float64, d []float64)
}

// by is a function of one operand.
func by(value func(x float64) float64, slope func(x, y float64) float64) numeric {
	return numeric{
		func(x []float64) float64 { return value(x[0]) },
		func(x []float64, y float64, d []float64) { d[0] = slope(x[0], y) },
	}
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// bell is the density of the standard normal distribution.
func bell(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

func bellArea(x float64) float64 { return 0.5 * (1 + math.Erf(x/math.Sqrt2)) }

// chosen passes the gradient to the operand that a function chose.
func chosen(value func(a, b float64) float64) numeric {
	return numeric{
		func(x []float64) float64 { return value(x[0], x[1]) },
		func(x []float64, y float64, d []float64) {
			if x[0] == y {
				d[0] = 1
			} else {
				d[1] = 1
			}
		},
	}
}

// numerics has the functions of elements that are not computed exactly by the table
// functions, and the derivatives of all.
var numerics = map[string]numeric{
	"neg": by(func(x float64) float64 { return -x }, func(_, _ float64) float64 { return -1 }),
	"add": {func(x []float64) float64 { return x[0] + x[1] }, func(_ []float64, _ float64, d []float64) { d[0], d[1] = 1, 1 }},
	"sub": {func(x []float64) float64 { return x[0] - x[1] }, func(_ []float64, _ float64, d []float64) { d[0], d[1] = 1, -1 }},
	"mul": {func(x []float64) float64 { return x[0] * x[1] }, func(x []float64, _ float64, d []float64) { d[0], d[1] = x[1], x[0] }},
	"div": {func(x []float64) float64 { return x[0] / x[1] }, func(x []float64, y float64, d []float64) { d[0], d[1] = 1/x[1], -y/x[1] }},
	"pow": {func(x []float64) float64 { return math.Pow(x[0], x[1]) }, func(x []float64, y float64, d []float64) {
		d[0], d[1] = x[1]*math.Pow(x[0], x[1]-1), y*math.Log(x[0])
	}},
	"where": {func(x []float64) float64 { return x[2-int(x[0])] }, func(x []float64, _ float64, d []float64) { d[2-int(x[0])] = 1 }},
	"min":   chosen(func(a, b float64) float64 { return min(a, b) }),
	"max":   chosen(func(a, b float64) float64 { return max(a, b) }),
	"clip": {func(x []float64) float64 { return min(max(x[0], x[1]), x[2]) }, func(x []float64, y float64, d []float64) {
		for i := range x {
			if x[i] == y {
				d[i] = 1
				return
			}
		}
	}},

	"abs":           by(math.Abs, func(x, _ float64) float64 { return signOf(x) }),
	"sqrt":          by(math.Sqrt, func(_, y float64) float64 { return 0.5 / y }),
	"exp":           by(math.Exp, func(_, y float64) float64 { return y }),
	"log":           by(math.Log, func(x, _ float64) float64 { return 1 / x }),
	"log1p":         by(math.Log1p, func(x, _ float64) float64 { return 1 / (1 + x) }),
	"square":        by(func(x float64) float64 { return x * x }, func(x, _ float64) float64 { return 2 * x }),
	"tanh":          by(math.Tanh, func(_, y float64) float64 { return 1 - y*y }),
	"erf":           by(math.Erf, func(x, _ float64) float64 { return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x) }),
	"sigmoid":       by(logistic, func(_, y float64) float64 { return y * (1 - y) }),
	"silu":          by(func(x float64) float64 { return x * logistic(x) }, func(x, y float64) float64 { return y + logistic(x)*(1-y) }),
	"gelu":          by(func(x float64) float64 { return x * bellArea(x) }, func(x, _ float64) float64 { return bellArea(x) + x*bell(x) }),
	"relu":          by(func(x float64) float64 { return max(x, 0) }, func(x, _ float64) float64 { return truth(x > 0) }),
	"softplus":      by(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, func(x, _ float64) float64 { return logistic(x) }),
	"sin":           by(math.Sin, func(x, _ float64) float64 { return math.Cos(x) }),
	"cos":           by(math.Cos, func(x, _ float64) float64 { return -math.Sin(x) }),
	"asinh":         by(math.Asinh, func(x, _ float64) float64 { return 1 / math.Sqrt(x*x+1) }),
	"sign":          {value: func(x []float64) float64 { return signOf(x[0]) }},
	"stop_gradient": {value: func(x []float64) float64 { return x[0] }},
}

func signOf(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // 0 or NaN
}
