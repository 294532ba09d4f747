package formula

import "math"

// Grid is the value of a part of a formula in float64: one or all rows by one or all
// columns.
type Grid struct {
	Rows, Columns int
	Values        []float64 // row by row
}

// Single is a grid of one number.
func Single(v float64) Grid { return Grid{1, 1, []float64{v}} }

// NewGrid is a grid whose values are computed one by one.
func NewGrid(rows, columns int, value func(row, column int) float64) Grid {
	g := Grid{rows, columns, make([]float64, rows*columns)}
	for i := range rows {
		for j := range columns {
			g.Values[i*columns+j] = value(i, j)
		}
	}
	return g
}

// index is the place of an element, where the grid may be smaller than what it is
// broadcast to.
func (g Grid) index(row, column int) int {
	return min(row, g.Rows-1)*g.Columns + min(column, g.Columns-1)
}

// At is an element of what the grid is broadcast to.
func (g Grid) At(row, column int) float64 { return g.Values[g.index(row, column)] }

// firstInfinite is the place of the first element that is no finite number of float32.
func (g Grid) firstInfinite() (row, column int, ok bool) {
	for i, v := range g.Values {
		if !finite(v) {
			return i / g.Columns, i % g.Columns, true
		}
	}
	return 0, 0, false
}

func finite(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

// single puts a number into the range of float32, in which formulas are computed,
// without rounding it.
func single(v float64) float64 {
	switch size := math.Abs(v); {
	case size > math.MaxFloat32:
		return math.Inf(int(math.Copysign(1, v)))
	case size < math.SmallestNonzeroFloat32/2:
		return 0
	}
	return v
}

// normals are n quantiles of the standard normal distribution, in a fixed order that
// looks random.
func normals(n int) []float64 {
	step := 7
	for !coprime(step, n) {
		step += 2
	}
	out := make([]float64, n)
	for i := range out {
		p := (float64(i*step%n) + 0.4) / float64(n) // never the median, which is 0
		out[i] = math.Sqrt2 * math.Erfinv(2*p-1)
	}
	return out
}

func coprime(a, b int) bool {
	for b != 0 {
		a, b = b, a%b
	}
	return a == 1
}

// Sample is a grid of standard normal numbers, the same on every call. Its rows have
// different scales: the first has that of the distribution, each other one half of that
// of the one before.
func Sample(rows, columns int) Grid {
	values := normals(columns)
	return NewGrid(rows, columns, func(i, j int) float64 {
		return values[(j+3*i)%columns] / math.Exp2(float64(i))
	})
}
