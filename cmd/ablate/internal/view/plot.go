package view

import (
	"fmt"
	"math"
	"strings"
)

// Curve is a metric of a trial by step.
type Curve struct {
	Name   string
	Steps  []int
	Values []float64
}

// plotHeight is the number of lines of a plot.
const plotHeight = 10

// plotMarks are the marks of the curves of a plot, and what stands where they meet.
var plotMarks = []string{"•", "×"}

const bothMarks = "⁕"

// plot draws one or two curves as text in a width; 0 is that of 80 columns. Each column
// is the mean of the values that fall into it.
func plot(curves []Curve, width int) string {
	_, _, first, last := limits(curves)
	return plotBetween(curves, width, fmt.Sprint(first), fmt.Sprintf("step %d", last))
}

// plotBetween draws curves above the labels of the ends of the horizontal axis.
func plotBetween(curves []Curve, width int, from, to string) string {
	const usual, most, axis = 80, 110, 12
	if width == 0 {
		width = usual
	}
	columns := min(width, most) - axis
	low, high, first, last := limits(curves)
	if math.IsInf(low, 0) || columns < 10 {
		return ""
	}
	grid := make([][]string, plotHeight)
	for i := range grid {
		grid[i] = make([]string, columns)
	}
	for k, c := range curves {
		for x, v := range binned(c, first, last, columns) {
			if math.IsNaN(v) {
				continue
			}
			y := plotHeight - 1
			if high > low {
				y = int(math.Round((high - v) / (high - low) * (plotHeight - 1)))
			}
			if grid[y][x] != "" {
				grid[y][x] = bothMarks
			} else {
				grid[y][x] = plotMarks[k]
			}
		}
	}
	return drawn(grid, low, high, from, to, columns)
}

// drawn writes the cells of a plot with its axes.
func drawn(grid [][]string, low, high float64, from, to string, columns int) string {
	var b strings.Builder
	for i, row := range grid {
		label := ""
		if i%3 == 0 { // every third line has a number
			label = axisLabel(high - (high-low)*float64(i)/(plotHeight-1))
		}
		line := ""
		for _, c := range row {
			if c == "" {
				c = " "
			}
			line += c
		}
		b.WriteString(strings.TrimRight("  "+padded(label, labelWidth, true)+" ┤"+line, " ") + "\n")
	}
	b.WriteString("          └" + strings.Repeat("─", columns) + "\n")
	b.WriteString("           " + from + padded(to, columns-len(from), true) + "\n")
	return b.String()
}

const labelWidth = 7

// axisLabel is a number in the width of a label.
func axisLabel(v float64) string {
	label := fmt.Sprintf("%.4g", v)
	if len(label) > labelWidth {
		return fmt.Sprintf("%.2g", v)
	}
	return label
}

// limits are the ranges of the values and steps of curves.
func limits(curves []Curve) (low, high float64, first, last int) {
	low, high, first = math.Inf(1), math.Inf(-1), math.MaxInt
	for _, c := range curves {
		for i, v := range c.Values {
			low, high = min(low, v), max(high, v)
			first, last = min(first, c.Steps[i]), max(last, c.Steps[i])
		}
	}
	return low, high, first, last
}

// binned averages a curve over equal ranges of steps; NaN where a range has no value.
func binned(c Curve, first, last, columns int) []float64 {
	sums, counts := make([]float64, columns), make([]int, columns)
	for i, v := range c.Values {
		at := 0
		if last > first {
			at = (c.Steps[i] - first) * (columns - 1) / (last - first)
		}
		sums[at] += v
		counts[at]++
	}
	for i := range sums {
		sums[i] /= float64(counts[i]) // NaN for 0 of 0
	}
	return sums
}

// sparkline draws a curve in one line.
func sparkline(c Curve, columns int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	low, high, first, last := limits([]Curve{c})
	if math.IsInf(low, 0) {
		return ""
	}
	columns = min(columns, len(c.Values))
	s := ""
	for _, v := range binned(c, first, last, columns) {
		switch {
		case math.IsNaN(v):
			s += " "
		case high == low:
			s += string(bars[0])
		default:
			s += string(bars[int(math.Round((v-low)/(high-low)*float64(len(bars)-1)))])
		}
	}
	return s
}
