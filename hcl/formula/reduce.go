package formula

import "math"

// reduction computes one number of several in float64.
type reduction struct {
	value func(x []float64) float64
	slope func(x []float64, y float64, i int) float64 // the derivative with respect to x[i]
}

var reductions = map[string]reduction{
	"mean":    {meanOf, func(x []float64, _ float64, _ int) float64 { return 1 / float64(len(x)) }},
	"sum":     {sumOf, func(_ []float64, _ float64, _ int) float64 { return 1 }},
	"largest": {largestOf, func(x []float64, y float64, i int) float64 { return truth(x[i] == y) }},
	"rms":     {rmsOf, func(x []float64, y float64, i int) float64 { return x[i] / (float64(len(x)) * y) }},
	"variance": {varianceOf, func(x []float64, _ float64, i int) float64 {
		return 2 * (x[i] - meanOf(x)) / float64(len(x))
	}},
	"std": {func(x []float64) float64 { return math.Sqrt(varianceOf(x)) }, func(x []float64, y float64, i int) float64 {
		return (x[i] - meanOf(x)) / (float64(len(x)) * y)
	}},
	"norm_all": {func(x []float64) float64 { return rmsOf(x) * math.Sqrt(float64(len(x))) }, func(x []float64, y float64, i int) float64 { return x[i] / y }},
}

// reducedBy names the reduction that a function does to a row, to a column or to all
// elements.
var reducedBy = map[string]string{
	"mean_all": "mean", "std_all": "std", "rms_all": "rms", "pooled_std": "std", "mean_rows": "mean", "mean_columns": "mean",
}

func reductionOf(op string) (reduction, bool) {
	if name, ok := reducedBy[op]; ok {
		op = name
	}
	r, ok := reductions[op]
	return r, ok
}

func sumOf(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

func meanOf(x []float64) float64 { return sumOf(x) / float64(len(x)) }

func largestOf(x []float64) float64 {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

func rmsOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

func varianceOf(x []float64) float64 {
	mean, sum := meanOf(x), 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return sum / float64(len(x))
}

// groups lists the indices of the elements that a reduction takes together: those of
// a row, of a column, or all.
func groups(of Grid, to reach) [][]int {
	var out [][]int
	switch to {
	case alongWidth:
		for i := range of.Rows {
			var row []int
			for j := range of.Columns {
				row = append(row, i*of.Columns+j)
			}
			out = append(out, row)
		}
	case alongRows:
		for j := range of.Columns {
			var column []int
			for i := range of.Rows {
				column = append(column, i*of.Columns+j)
			}
			out = append(out, column)
		}
	default:
		all := make([]int, len(of.Values))
		for i := range all {
			all[i] = i
		}
		out = [][]int{all}
	}
	return out
}

func picked(values []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, k := range at {
		out[i] = values[k]
	}
	return out
}

// reduce computes a reduction of a grid.
func (r reduction) reduce(of Grid, to reach) Grid {
	out := Grid{Rows: 1, Columns: 1}
	switch to {
	case alongWidth:
		out.Rows = of.Rows
	case alongRows:
		out.Columns = of.Columns
	}
	for _, at := range groups(of, to) {
		out.Values = append(out.Values, r.value(picked(of.Values, at)))
	}
	return out
}

// back adds the gradient of a reduction to that of its operand.
func (r reduction) back(of, result, gradient, into Grid, to reach) {
	for k, at := range groups(of, to) {
		x := picked(of.Values, at)
		for i, j := range at {
			into.Values[j] += gradient.Values[k] * r.slope(x, result.Values[k], i)
		}
	}
}
