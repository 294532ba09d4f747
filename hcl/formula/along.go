package formula

import "slices"

// sketchPoints is how many points a sketch has. With an odd number, the middle of the
// range is one.
const sketchPoints = 97

// Points are evenly spaced numbers.
func Points(from, to float64) []float64 {
	out := make([]float64, sketchPoints)
	for i := range out {
		out[i] = from + (to-from)*float64(i)/(sketchPoints-1)
	}
	return out
}

// Along computes the first element of the value, and its derivative, while the first
// element of a name goes through points. A formula with functions of matrices cannot be
// differentiated.
func (f Formula) Along(names map[string]Grid, name string, points []float64) (values, slopes []float64) {
	own := make(map[string]Grid, len(names))
	for n, g := range names {
		own[n] = g
	}
	at := slices.IndexFunc(f.Nodes, func(n Node) bool { return n.Op == opName && n.Name == name })
	for _, x := range points {
		g := own[name]
		g.Values = slices.Clone(g.Values)
		g.Values[0] = x
		own[name] = g
		e := f.Evaluate(own, nil)
		result := e.Result()
		values = append(values, result.Values[0])
		slope := 0.0
		if at >= 0 {
			first := NewGrid(result.Rows, result.Columns, func(i, j int) float64 { return truth(i == 0 && j == 0) })
			slope = e.Gradients(first)[at].Values[0]
		}
		slopes = append(slopes, slope)
	}
	return values, slopes
}
