package render

import (
	"fmt"
	"strconv"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Dose is the document of a dose analysis.
func Dose(r answer.Dose) Document {
	return Document{Sections: doseSections(r), Rows: doseRows(r)}
}

func doseSections(r answer.Dose) []Section {
	g := newGrid(0, 4)
	head := []string{r.Factor, "mean ± s.d.", "n"}
	if from := comparedWith(r); from != "" {
		g = newGrid(0, 5)
		head = append(head, "gap to "+from)
	}
	g.add(append(head, numeral.Percent(r.Confidence)+" interval")...)
	for _, l := range r.Doses {
		line := []string{numeral.Shortest(l.Dose), meanOf(l.Cell), strconv.Itoa(l.N)}
		if comparedWith(r) != "" {
			line = append(line, numeral.Signed(l.Gap, numeral.Half(l.Low, l.High)))
		}
		g.add(append(line, numeral.Between(l.Low, l.High))...)
	}
	out := Section{Title: fmt.Sprintf("%s against %s", answer.Measure(r.Response, r.At), r.Factor), Grid: g}
	if r.Slope != nil {
		line := fmt.Sprintf("The least-squares line changes by %s for each unit of %s", numeral.Signed(r.Slope, numeral.Half(r.SlopeLow, r.SlopeHigh)), r.Factor)
		if interval := numeral.Between(r.SlopeLow, r.SlopeHigh); interval != "" {
			line += ", " + numeral.Percent(r.Confidence) + " interval " + interval
		}
		out.Lines = []string{line + ". It does not test whether the response is linear."}
	}
	return warned([]Section{out}, r.Warnings)
}

// comparedWith is what gaps are measured from; "" if there are none.
func comparedWith(r answer.Dose) string {
	if r.Reference != nil {
		return numeral.Shortest(*r.Reference)
	}
	return r.Baseline
}

func doseRows(r answer.Dose) [][]string {
	rows := [][]string{{r.Factor, "n", "mean", "sd", "gap", "low", "high"}}
	for _, l := range r.Doses {
		rows = append(rows, []string{numeral.Shortest(l.Dose), strconv.Itoa(l.N), numeral.Exact(l.Mean), numeral.Exact(l.SD), numeral.Exact(l.Gap), numeral.Exact(l.Low), numeral.Exact(l.High)})
	}
	return rows
}
