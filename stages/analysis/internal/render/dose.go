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
	if r.Reference != nil {
		g = newGrid(0, 5)
		head = append(head, "gap to "+shortest(*r.Reference))
	}
	g.add(append(head, percent(r.Confidence)+" interval")...)
	for _, l := range r.Doses {
		line := []string{shortest(l.Dose), meanOf(l.Cell), strconv.Itoa(l.N)}
		if r.Reference != nil {
			line = append(line, signed(l.Gap))
		}
		g.add(append(line, between(l.Low, l.High))...)
	}
	out := Section{Title: fmt.Sprintf("%s against %s", measure(r.Response, r.At), r.Factor), Grid: g}
	if r.Slope != nil {
		out.Lines = []string{fmt.Sprintf("A line through all trials rises by %s for each unit of %s, interval %s; whether the response is a line at all, it does not say.",
			signed(r.Slope), r.Factor, between(r.SlopeLow, r.SlopeHigh))}
	}
	return warned([]Section{out}, r.Warnings)
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
