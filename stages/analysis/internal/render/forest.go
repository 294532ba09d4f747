package render

import (
	"fmt"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"ablate/stages/answer"
)

func (r factorial) figures() []Figure {
	var out []Figure
	if f, ok := r.interactionFigure(); ok {
		out = append(out, f)
	}
	if f, ok := forest("contrasts", "difference of "+r.measure(), r.Contrasts); ok {
		out = append(out, f)
	}
	return out
}

// interactionFigure draws the cells of a design with two factors. Parallel
// lines mean no interaction.
func (r factorial) interactionFigure() (Figure, bool) {
	if len(r.Factors) != 2 {
		return Figure{}, false
	}
	lines, across := 0, 1
	if len(r.Factors[1].Levels) > len(r.Factors[0].Levels) {
		lines, across = 1, 0
	}
	p := newPlot(r.Factors[across].Name, r.measure())
	p.NominalX(r.Factors[across].Levels...)
	drawn := false
	for i, level := range r.Factors[lines].Levels {
		var w whiskers
		for j, x := range r.Factors[across].Levels {
			for _, c := range r.Cells {
				if c.Mean == nil || c.Levels[lines] != level || c.Levels[across] != x {
					continue
				}
				// A little to the side, so that intervals do not cover each other.
				at := float64(j) + 0.06*(float64(i)-float64(len(r.Factors[lines].Levels)-1)/2)
				w.above(at, *c.Mean, halfWidth(c, r.Confidence))
			}
		}
		if len(w.XYs) > 0 {
			drawn = true
			series(p, i, level, w, true)
		}
	}
	p.X.Min, p.X.Max = -0.4, float64(len(r.Factors[across].Levels))-0.6
	return Figure{name: "interaction", plot: p, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: len(r.Factors[lines].Levels)}, drawn
}

// forest draws contrasts with their intervals, one below the other.
func forest(name, axis string, contrasts []answer.Contrast) (Figure, bool) {
	p := newPlot(axis, "")
	var names []string
	var w whiskers
	for i := len(contrasts) - 1; i >= 0; i-- {
		c := contrasts[i]
		if c.Estimate == nil {
			continue
		}
		low, high := 0.0, 0.0
		if c.Low != nil {
			low, high = *c.Estimate-*c.Low, *c.High-*c.Estimate
		}
		w.XYs = append(w.XYs, plotter.XY{X: *c.Estimate, Y: float64(len(names))})
		w.XErrors = append(w.XErrors, struct{ Low, High float64 }{low, high})
		names = append(names, shortName(c))
	}
	if len(names) == 0 {
		return Figure{}, false
	}
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
	if zero, err := dotted(plotter.XYs{{X: 0, Y: p.Y.Min}, {X: 0, Y: p.Y.Max}}); err == nil {
		p.Add(zero)
	}
	series(p, 0, "", w, false)
	return Figure{name: name, plot: p, width: 7 * vg.Inch, height: vg.Length(1.2+0.28*float64(len(names))) * vg.Inch}, true
}

// shortName is a contrast's name beside a figure.
func shortName(c answer.Contrast) string {
	if len(c.Terms) == 2 && c.Kind == "interaction" {
		return fmt.Sprintf("(%s − %s) × (%s − %s)", c.Terms[0].Level, c.Terms[0].Baseline, c.Terms[1].Level, c.Terms[1].Baseline)
	}
	if c.Kind == "main" {
		return c.Name + " (main)"
	}
	return c.Name
}
