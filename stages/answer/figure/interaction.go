package figure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Cells draws the cells of a factorial with their intervals and the trials behind
// them. Two factors of several levels make an interaction plot, any other number a list of
// cells. ok is false if no cell has a mean.
func Cells(r answer.Result) (f Figure, ok bool) {
	f = Figure{Name: "cells", Data: cellRows(r)}
	for _, c := range r.Cells {
		ok = ok || c.Mean != nil
	}
	measure := answer.Measure(r.Response, r.At)
	f.Description = "Cell means of " + measure + ": " + cellsInWords(r) + "."
	interval := numeral.Percent(r.Confidence) + " intervals"
	if plane, at := r.Varying(); len(plane.Factors) == 2 {
		f.Name = "interaction"
		f.Caption = fmt.Sprintf("%s%s: cell means with %s. Small points are trials; thin lines join trials of one %s. Parallel lines mean no interaction.", upper(measure), at, interval, r.Replicate)
		f.draw = func(width float64) *drawing { return drawInteraction(plane, width) }
		return f, ok
	}
	f.Caption = fmt.Sprintf("%s: cell means with %s. Small points are trials.", upper(measure), interval)
	f.draw = func(width float64) *drawing { return drawCellList(r, width) }
	return f, ok
}

// upper begins a caption with a capital, unless it begins with the name of a column.
func upper(s string) string {
	if s == "" || strings.Contains(s, "_") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func cellRows(r answer.Result) [][]string {
	head := []string{}
	for _, f := range r.Factors {
		head = append(head, f.Name)
	}
	rows := [][]string{append(head, r.Replicate, r.Response, "mean", "half_width")}
	for _, c := range r.Cells {
		half := halfWidth(c, r.Confidence)
		for i, v := range c.Values {
			rows = append(rows, append(slices.Clone(c.Levels), c.Replicates[i], numeral.Shortest(v), numeral.Exact(c.Mean), numeral.Shortest(half)))
		}
	}
	return rows
}

func cellsInWords(r answer.Result) string {
	var parts []string
	for _, c := range r.Cells {
		text := "no mean"
		if c.Mean != nil {
			text = numeral.WithError(*c.Mean, c.SD)
		}
		parts = append(parts, r.NameCell(c, " with ")+" "+text)
	}
	const most = 24
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	return strings.Join(parts, "; ")
}

// halfWidth is half the width of the t interval of a cell's mean; 0 for a single
// trial.
func halfWidth(c answer.Cell, confidence float64) float64 {
	if c.SD == nil || c.N < 2 {
		return 0
	}
	n := float64(c.N)
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5+confidence/2) * *c.SD / math.Sqrt(n)
}

// spanOfCells is the range of all that the cells show.
func spanOfCells(r answer.Result) span {
	var s span
	for _, c := range r.Cells {
		s.add(c.Values...)
		if c.Mean != nil {
			half := halfWidth(c, r.Confidence)
			s.add(*c.Mean-half, *c.Mean+half)
		}
	}
	return s
}

func cellAt(r answer.Result, lines int, level, across string) (answer.Cell, bool) {
	for _, c := range r.Cells {
		if c.Levels[lines] == level && c.Levels[1-lines] == across {
			return c, true
		}
	}
	return answer.Cell{}, false
}

func drawInteraction(r answer.Result, width float64) *drawing {
	lines := 0
	if len(r.Factors[1].Levels) > len(r.Factors[0].Levels) {
		lines = 1
	}
	series, across := r.Factors[lines], r.Factors[1-lines]
	var shown []string
	for _, level := range series.Levels {
		shown = append(shown, answer.NameLevel(series.Name, level))
	}
	gutter, near := beside(shown, width)
	if !near {
		gutter = 12
	}
	height := max(250, min(340, width*0.56))
	d := &drawing{width: width, height: height}
	f := frame{drawing: d, left: 44, top: 28, right: width - gutter, bottom: height - 40}
	slot := (f.right - f.left) / float64(len(across.Levels))
	names := 1
	for _, level := range across.Levels {
		names = max(names, len(fold(level, textSize, slot-6)))
	}
	d.height += 14 * float64(names-1)
	f.y.min, f.y.max = spanOfCells(r).padded(0.06)
	f.y.from, f.y.to = f.bottom, f.top
	f.gridlines(7, true)
	d.text(soft, textSize-1, 0, 12, "start", answer.Measure(r.Response, r.At))
	f.line(soft, 1, point{f.left, f.bottom}, point{f.right, f.bottom})
	places := make([]float64, len(across.Levels))
	for j, level := range across.Levels {
		places[j] = f.left + slot*(float64(j)+0.5)
		for k, text := range fold(level, textSize, slot-6) {
			d.text(black, textSize, places[j], f.bottom+17+14*float64(k), "middle", shorten(text, textSize, slot))
		}
	}
	d.text(soft, textSize-1, f.right, f.bottom+33+14*float64(names-1), "end", across.Name)
	step := min(16, slot/float64(len(series.Levels)+1))
	var ends []labelAt
	for i, level := range series.Levels {
		for _, end := range f.seriesOfCells(r, i, lines, level, across.Levels, places, step*(float64(i)-float64(len(series.Levels)-1)/2)) {
			end.text = shown[i]
			ends = append(ends, end)
		}
	}
	if near {
		d.labels(ends, f.right+10, f.top, f.bottom)
		return d
	}
	d.legend(shown, d.height, width)
	d.height += legendHeight(shown, width)
	return d
}

// labelAt is a label beside the end of a line.
type labelAt struct {
	ink  ink
	y    float64
	text string
}

// seriesOfCells draws the line of one level: trials, pairs, means with intervals.
func (f frame) seriesOfCells(r answer.Result, i, lines int, level string, across []string, places []float64, dodge float64) []labelAt {
	var means []point
	pairs := make(map[string][]point)
	var order []string
	type whisker struct{ x, low, high float64 }
	var whiskers []whisker
	for j, other := range across {
		c, ok := cellAt(r, lines, level, other)
		if !ok {
			continue
		}
		x := places[j] + dodge
		for k, v := range c.Values {
			name := c.Replicates[k]
			if pairs[name] == nil {
				order = append(order, name)
			}
			pairs[name] = append(pairs[name], point{x, f.y.at(v)})
			f.add(shape{form: marker, ink: series(i), mark: 0, size: 2.4, points: []point{{x, f.y.at(v)}}, filled: true, faint: true,
				note: fmt.Sprintf("%s, %s %s: %s", r.NameCell(c, ", "), r.Replicate, name, numeral.Plain(v))})
		}
		if c.Mean != nil {
			half := halfWidth(c, r.Confidence)
			means = append(means, point{x, f.y.at(*c.Mean)})
			whiskers = append(whiskers, whisker{x, f.y.at(*c.Mean - half), f.y.at(*c.Mean + half)})
		}
	}
	for _, name := range order {
		if len(pairs[name]) > 1 && name != "" {
			f.add(shape{form: line, ink: series(i), width: 0.8, points: pairs[name], faint: true})
		}
	}
	for _, w := range whiskers {
		f.line(series(i), 1.5, point{w.x, w.low}, point{w.x, w.high})
		f.line(series(i), 1.5, point{w.x - 4, w.low}, point{w.x + 4, w.low})
		f.line(series(i), 1.5, point{w.x - 4, w.high}, point{w.x + 4, w.high})
	}
	if len(means) > 1 {
		f.add(shape{form: line, ink: series(i), width: 2.2, points: means, dash: i % len(dashSteps)})
	}
	for _, m := range means {
		f.mark(series(i), i, 4.5, m.x, m.y, "")
	}
	if len(means) == 0 {
		return nil
	}
	return []labelAt{{ink: series(i), y: means[len(means)-1].y}}
}

// labels writes labels beside each other's lines, moved apart where they would
// overlap.
func (d *drawing) labels(ends []labelAt, x, top, bottom float64) {
	slices.SortStableFunc(ends, func(a, b labelAt) int { return compare(a.y, b.y) })
	const apart = textSize + 3
	for i := 1; i < len(ends); i++ {
		ends[i].y = max(ends[i].y, ends[i-1].y+apart)
	}
	if n := len(ends); n > 0 && ends[n-1].y > bottom {
		ends[n-1].y = bottom
		for i := n - 2; i >= 0; i-- {
			ends[i].y = min(ends[i].y, ends[i+1].y-apart)
		}
	}
	for _, l := range ends {
		d.add(shape{form: label, ink: l.ink, size: textSize, points: []point{{x, l.y + 4}}, text: l.text, bold: true})
	}
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// drawCellList draws one row for each cell.
func drawCellList(r answer.Result, width float64) *drawing {
	names := make([]string, len(r.Cells))
	for i, c := range r.Cells {
		names[i] = r.NameCell(c, " · ")
	}
	const row = 24.0
	gutter := min(widest(names, textSize)+12, width*0.55)
	d := &drawing{width: width, height: row*float64(len(names)) + 62}
	f := frame{drawing: d, left: gutter, top: 22, right: width - 12, bottom: d.height - 38}
	f.x.min, f.x.max = spanOfCells(r).padded(0.05)
	f.x.from, f.x.to = f.left, f.right
	for i, c := range r.Cells {
		y := f.top + row*(float64(i)+0.5)
		d.text(black, textSize, 0, y+4, "start", shorten(names[i], textSize, gutter-8))
		f.line(rule, 1, point{f.left, y}, point{f.right, y})
		for k, v := range c.Values {
			f.add(shape{form: marker, ink: "s1", size: 2.4, points: []point{{f.x.at(v), y}}, filled: true, faint: true,
				note: fmt.Sprintf("%s, %s %s: %s", names[i], r.Replicate, c.Replicates[k], numeral.Plain(v))})
		}
		if c.Mean != nil {
			half := halfWidth(c, r.Confidence)
			f.line(black, 1.5, point{f.x.at(*c.Mean - half), y}, point{f.x.at(*c.Mean + half), y})
			f.mark(black, 0, 4, f.x.at(*c.Mean), y, numeral.WithError(*c.Mean, c.SD)+", n = "+strconv.Itoa(c.N))
		}
	}
	f.abscissa(tickCount(f), answer.Measure(r.Response, r.At))
	return d
}

// tickCount is how many numbers fit below an axis.
func tickCount(f frame) int { return max(3, int((f.right-f.left)/70)) }

// shorten cuts a text in its middle, since what tells names apart is often at their
// end.
func shorten(s string, size, width float64) string {
	runes := []rune(s)
	for n := len(runes); textWidth(s, size) > width && n > 4; n-- {
		s = string(runes[:(n-1)/2]) + "…" + string(runes[len(runes)-(n-1)/2:])
	}
	return s
}
