package render

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"ablate/stages/answer"
)

func (r factorial) figures() []Figure {
	var out []Figure
	if f, ok := r.interactionFigure(); ok {
		out = append(out, f)
	}
	margin := 0.0
	if r.Margin != nil {
		margin = r.Margin.Margin
	}
	differences := slices.DeleteFunc(slices.Clone(r.Contrasts), func(c answer.Contrast) bool { return c.Kind == "equivalence" })
	if f, ok := forest("contrasts", "difference of "+r.measure(), differences, margin); ok {
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

// forest draws contrasts with their intervals, one below the other. Adjusted
// intervals are thin lines. A margin is shown as a band.
func forest(name, axis string, contrasts []answer.Contrast, margin float64) (Figure, bool) {
	p := newPlot(axis, "")
	var names []string
	var w whiskers
	var adjusted []plotter.XYs
	for i := len(contrasts) - 1; i >= 0; i-- {
		c := contrasts[i]
		if c.Estimate == nil {
			continue
		}
		y := float64(len(names))
		low, high := 0.0, 0.0
		if c.Low != nil {
			low, high = *c.Estimate-*c.Low, *c.High-*c.Estimate
		}
		if c.LowAdjusted != nil {
			adjusted = append(adjusted, plotter.XYs{{X: *c.LowAdjusted, Y: y}, {X: *c.HighAdjusted, Y: y}})
		}
		w.XYs = append(w.XYs, plotter.XY{X: *c.Estimate, Y: y})
		w.XErrors = append(w.XErrors, struct{ Low, High float64 }{low, high})
		names = append(names, shortName(c))
	}
	if len(names) == 0 {
		return Figure{}, false
	}
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
	if margin > 0 {
		shade(p, margin)
	}
	for _, ends := range adjusted {
		if line, err := plotter.NewLine(ends); err == nil {
			line.LineStyle = draw.LineStyle{Color: color.Gray{110}, Width: vg.Points(0.5)}
			p.Add(line)
		}
	}
	if zero, err := dotted(plotter.XYs{{X: 0, Y: p.Y.Min}, {X: 0, Y: p.Y.Max}}); err == nil {
		p.Add(zero)
	}
	series(p, 0, "", w, false)
	return Figure{name: name, plot: p, width: 7 * vg.Inch, height: vg.Length(1.2+0.28*float64(len(names))) * vg.Inch}, true
}

// shade marks the margin of equivalence.
func shade(p *plot.Plot, margin float64) {
	low, high := p.Y.Min, p.Y.Max
	area, err := plotter.NewPolygon(plotter.XYs{{X: -margin, Y: low}, {X: margin, Y: low}, {X: margin, Y: high}, {X: -margin, Y: high}})
	if err != nil {
		return
	}
	area.LineStyle.Width = 0
	area.Color = color.NRGBA{R: 0, G: 158, B: 115, A: 40}
	p.Add(area)
}

// shortName is a contrast's name beside a figure.
func shortName(c answer.Contrast) string {
	if len(c.Terms) > 1 && c.Kind == "interaction" {
		var gaps []string
		for _, t := range c.Terms {
			gaps = append(gaps, fmt.Sprintf("(%s − %s)", t.Level, t.Baseline))
		}
		return strings.Join(gaps, " × ")
	}
	if c.Kind == "main" {
		return c.Name + " (main)"
	}
	return c.Name
}
