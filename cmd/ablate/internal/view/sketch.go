package view

import (
	"fmt"
	"math"
	"strings"

	"ablate/pipeline"
)

// sketchText draws a function of a formula, and lists its values and slopes at some
// points.
func sketchText(s pipeline.Sketch, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, of %s\n\n", s.Title, s.Of)
	if s.Given != "" {
		b.WriteString("  " + s.Given + "\n\n")
	}
	c := Curve{Name: s.Title}
	for i, y := range s.Y {
		if !math.IsNaN(y) && !math.IsInf(y, 0) {
			c.Steps, c.Values = append(c.Steps, i), append(c.Values, y)
		}
	}
	last := len(s.X) - 1
	if len(c.Values) > 1 {
		b.WriteString(plotBetween([]Curve{c}, width, fmt.Sprintf("%.4g", s.X[c.Steps[0]]), fmt.Sprintf("%s %.4g", s.Of, s.X[c.Steps[len(c.Steps)-1]])) + "\n")
	}
	t := table{head: []string{s.Of, "value"}, right: []bool{true, true, true}}
	if s.Slopes != nil {
		t.head = append(t.head, "derivative")
	}
	const shown = 8
	for k := range shown + 1 {
		i := k * last / shown
		if k > 0 && s.X[i] == s.X[(k-1)*last/shown] { // a schedule of few steps
			continue
		}
		row := []string{fmt.Sprintf("%.4g", s.X[i]), fmt.Sprintf("%.4g", s.Y[i])}
		if s.Slopes != nil {
			row = append(row, fmt.Sprintf("%.4g", s.Slopes[i]))
		}
		t.rows = append(t.rows, row)
	}
	b.WriteString(t.text(width))
	return b.String()
}
