package optimizer

import (
	"fmt"

	"ablate/hcl/formula"
	"ablate/pipeline"
)

// Sketches implements pipeline.Sketcher: how the first step of each rule changes a
// value, of its gradient.
func (f *Formula) Sketches() (out []pipeline.Sketch) {
	for i := range f.Rules {
		r := &f.Rules[i]
		if kinds := f.kindsOf(r); len(kinds) > 0 {
			out = append(out, f.sketch(r, kinds[0]))
		}
	}
	return out
}

func (f *Formula) sketch(r *Rule, kind formula.Type) pipeline.Sketch {
	const size = 0.01 // of the gradients around
	rows, columns := sampleSize(kind)
	sample := formula.Sample(rows, columns)
	change := func(x float64) float64 {
		s := r.firstStep(kind, f.LearningRate, formula.NewGrid(rows, columns, func(i, j int) float64 {
			if i == 0 && j == 0 {
				return x
			}
			return size * sample.At(i, j)
		}))
		return s.value.Result().Values[0] - s.names["value"].Values[0]
	}
	out := pipeline.Sketch{
		Title: fmt.Sprintf("change of value by rule %q", r.On), Of: "gradient", X: formula.Points(-3*size, 3*size),
		Given: fmt.Sprintf("The first step: states are 0 and step is 1; value is %.3g.", r.firstStep(kind, f.LearningRate, sample).names["value"].Values[0]),
	}
	if rows*columns > 1 {
		out.Given += fmt.Sprintf(" The parameter is %d by %d; the other gradients have a standard deviation of %v.", rows, columns, size)
	}
	const step = 1e-4 * size
	for _, x := range out.X {
		out.Y = append(out.Y, change(x))
		out.Slopes = append(out.Slopes, (change(x+step)-change(x-step))/(2*step))
	}
	return out
}
