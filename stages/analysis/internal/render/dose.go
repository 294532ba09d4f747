package render

import (
	"fmt"
	"strconv"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"ablate/stages/answer"
)

// Dose is the document of a dose analysis.
func Dose(r answer.Dose) Document {
	return Document{Sections: doseSections(r), Rows: doseRows(r), Figures: doseFigures(r)}
}

func doseSections(r answer.Dose) []Section {
	g := newGrid(0, 4)
	head := []string{r.Factor, "mean ± s.d.", "n"}
	if from := comparedWith(r); from != "" {
		g = newGrid(0, 5)
		head = append(head, "gap to "+from)
	}
	g.add(append(head, percent(r.Confidence)+" interval")...)
	for _, l := range r.Doses {
		line := []string{shortest(l.Dose), meanOf(l.Cell), strconv.Itoa(l.N)}
		if comparedWith(r) != "" {
			line = append(line, signed(l.Gap, halfOf(l.Low, l.High)))
		}
		g.add(append(line, between(l.Low, l.High))...)
	}
	out := Section{Title: fmt.Sprintf("%s against %s", measure(r.Response, r.At), r.Factor), Grid: g}
	if r.Slope != nil {
		line := fmt.Sprintf("The least-squares line changes by %s for each unit of %s", signed(r.Slope, halfOf(r.SlopeLow, r.SlopeHigh)), r.Factor)
		if interval := between(r.SlopeLow, r.SlopeHigh); interval != "" {
			line += ", " + percent(r.Confidence) + " interval " + interval
		}
		out.Lines = []string{line + ". It does not test whether the response is linear."}
	}
	return warned([]Section{out}, r.Warnings)
}

// comparedWith is what gaps are measured from; "" if there are none.
func comparedWith(r answer.Dose) string {
	if r.Reference != nil {
		return shortest(*r.Reference)
	}
	return r.Baseline
}

// halfOf is half the width of an interval; nil if there is none.
func halfOf(low, high *float64) *float64 {
	if low == nil || high == nil {
		return nil
	}
	half := (*high - *low) / 2
	return &half
}

func doseRows(r answer.Dose) [][]string {
	rows := [][]string{{r.Factor, "n", "mean", "sd", "gap", "low", "high"}}
	for _, l := range r.Doses {
		rows = append(rows, []string{shortest(l.Dose), strconv.Itoa(l.N), Exact(l.Mean), Exact(l.SD), Exact(l.Gap), Exact(l.Low), Exact(l.High)})
	}
	return rows
}

func doseFigures(r answer.Dose) []Figure {
	p := newPlot(r.Factor, measure(r.Response, r.At))
	var w whiskers
	for _, l := range r.Doses {
		if l.Mean != nil {
			w.above(l.Dose, *l.Mean, halfWidth(l.Cell, r.Confidence))
		}
	}
	if len(w.XYs) == 0 {
		return nil
	}
	if r.Reference != nil {
		ends := plotter.XYs{{X: w.XYs[0].X, Y: *r.Reference}, {X: w.XYs[len(w.XYs)-1].X, Y: *r.Reference}}
		if line, err := dotted(ends); err == nil {
			p.Add(line)
			p.Legend.Add("reference", line)
		}
	}
	series(p, 1, "", w, true)
	return []Figure{{name: "dose", plot: p, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: 1}}
}
