package figure

import "strings"

// boldly is how much wider bold text is.
const boldly = 1.2

// nameRoom is the share of a drawing's width that names beside the ends of lines may take.
// Longer names stand in a legend below.
const nameRoom = 0.32

// beside reports whether names fit beside the ends of lines, and how much room they take.
func beside(names []string, width float64) (room float64, ok bool) {
	room = widest(names, textSize*boldly) + 16
	return room, room <= nameRoom*width
}

// legendRow is the height of a line of a legend.
const legendRow = textSize + 5

// legendHeight is the height of the legend of names.
func legendHeight(names []string, width float64) float64 {
	h := 12.0
	for _, n := range names {
		h += legendRow * float64(len(legendLines(n, width)))
	}
	return h
}

// legendSample is the width of the sample of a line in a legend.
const legendSample = 34.0

func legendLines(name string, width float64) []string {
	return fold(name, textSize, width-legendSample-8)
}

// legend lists the lines of a chart below it: a sample of each with its name.
func (d *drawing) legend(names []string, y, width float64) {
	y += 6
	for i, n := range names {
		middle := y + legendRow/2
		d.add(shape{form: line, ink: series(i), width: 2, points: []point{{0, middle}, {legendSample - 8, middle}}, dash: i % len(dashSteps)})
		d.mark(series(i), i, 4, (legendSample-8)/2, middle, "")
		for _, text := range legendLines(n, width) {
			d.text(black, textSize, legendSample, y+legendRow/2+4, "start", shorten(text, textSize, width-legendSample))
			y += legendRow
		}
	}
}

// mostTitleLines is how many lines the title of a panel may have.
const mostTitleLines = 3

// titleLines breaks the title of a panel into lines.
func titleLines(name string, width float64) []string {
	lines := fold(name, textSize*boldly, width)
	if len(lines) > mostTitleLines {
		lines = append(lines[:mostTitleLines-1], strings.Join(lines[mostTitleLines-1:], " "))
	}
	for i, l := range lines {
		lines[i] = shorten(l, textSize*boldly, width)
	}
	return lines
}

// titleHeight is the height of the titles above a row of panels.
func titleHeight(names []string, width float64) float64 {
	lines := 1
	for _, n := range names {
		lines = max(lines, len(titleLines(n, width)))
	}
	return 6 + 14*float64(lines)
}

// title writes the title of a panel above its area.
func (f frame) title(name string) {
	lines := titleLines(name, f.right-f.left)
	for i, l := range lines {
		y := f.top - 6 - 14*float64(len(lines)-1-i)
		f.add(shape{form: label, ink: black, size: textSize, bold: true, points: []point{{f.left, y}}, text: l})
	}
}
