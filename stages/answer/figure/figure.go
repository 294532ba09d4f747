// Package figure draws the documents of analyses and the curves of trials: as SVG
// that takes fonts and colours from the page around it, and as SVG, PDF, PNG and CSV
// files for a paper. The same document always gives the same drawing.
package figure

import (
	"slices"
	"strings"
)

// Widths of drawings, in CSS pixels of 1/96 inch.
const (
	Column = 326.0 // a column of a paper, and a phone
	Page   = 672.0 // the width of a page
)

// Figure is something to draw at any width, with its data.
type Figure struct {
	Name        string // of its files, without an extension
	Caption     string
	Description string     // what a reader who cannot see it needs
	Data        [][]string // rows of its CSV file; the first is the head
	Hover       *Hover     // values to show under a pointer; nil without

	draw func(width float64) *drawing
}

// Hover holds the values that a page shows under a pointer, by panel.
type Hover struct {
	X      string       `json:"x"` // what the abscissa is
	Log    bool         `json:"log"`
	Min    float64      `json:"min"`
	Max    float64      `json:"max"`
	Panels []hoverPanel `json:"panels"`
}

// hoverPanel is one panel of a figure.
type hoverPanel struct {
	Name  string      `json:"name"`
	Lines []hoverLine `json:"lines"`
}

// hoverLine is one line of a panel.
type hoverLine struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"`
}

// point is a place on a drawing; y points down.
type point struct{ x, y float64 }

// ink names a colour. A theme says which it is.
type ink string

const (
	black  ink = "ink"  // text and axes
	soft   ink = "soft" // secondary text
	rule   ink = "rule" // grid lines
	shaded ink = "shaded"
	paper  ink = "paper"
)

// series is the ink of the i-th of several things.
func series(i int) ink { return seriesInks[i%len(seriesInks)] }

var seriesInks = []ink{"s0", "s1", "s2", "s3", "s4", "s5", "s6"}

// onPaper has the colours on paper: those of Okabe and Ito, darkened where lines would
// be too faint on white. The stylesheet of the page has others for dark screens.
var onPaper = map[ink]string{
	black: "#1b1b1b", soft: "#5c5c5c", rule: "#dddddd", shaded: "#d5ebe2", paper: "#ffffff",
	"s0": "#1b1b1b", "s1": "#0072b2", "s2": "#c94f00", "s3": "#00805c", "s4": "#a8478a", "s5": "#8a6a00", "s6": "#6450a8",
}

// form is what a shape is.
type form int

const (
	line form = iota
	area
	label
	marker
)

// shape is one thing that is drawn.
type shape struct {
	form   form
	points []point
	ink    ink
	colour string  // of an area, instead of an ink
	width  float64 // of a line
	dash   int
	faint  bool // drawn half transparent
	pale   bool // drawn almost transparent, as bands are
	text   string
	size   float64
	bold   bool
	anchor string // start, middle or end
	mark   int
	filled bool
	note   string // shown to a reader who points at it
	panel  int    // of an area that reacts to a pointer, from 1
}

// drawing is shapes on a canvas.
type drawing struct {
	width, height float64
	shapes        []shape
}

func (d *drawing) add(s shape) { d.shapes = append(d.shapes, s) }

// printed is the shapes without those that only react to a pointer.
func (d *drawing) printed() []shape {
	return slices.DeleteFunc(slices.Clone(d.shapes), func(s shape) bool { return s.panel > 0 })
}

func (d *drawing) line(i ink, width float64, points ...point) {
	d.add(shape{form: line, points: points, ink: i, width: width})
}

func (d *drawing) rect(i ink, x, y, width, height float64) {
	d.add(shape{form: area, ink: i, points: []point{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}}})
}

func (d *drawing) text(i ink, size, x, y float64, anchor, s string) {
	d.add(shape{form: label, ink: i, size: size, points: []point{{x, y}}, anchor: anchor, text: s})
}

func (d *drawing) mark(i ink, kind int, size, x, y float64, note string) {
	d.add(shape{form: marker, ink: i, mark: kind, size: size, points: []point{{x, y}}, filled: kind < 3, note: note})
}

// textSize is the size of most texts.
const textSize = 12.0

// textWidth estimates the width of a text in a sans serif font.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("iljtfrI.,:;'|()[] ", r):
			w += 0.32
		case strings.ContainsRune("mwMW—", r):
			w += 0.86
		case r >= 'A' && r <= 'Z', r > 0x2000:
			w += 0.68
		default:
			w += 0.56
		}
	}
	return w * size
}

// widest is the width of the widest text.
func widest(texts []string, size float64) float64 {
	w := 0.0
	for _, s := range texts {
		w = max(w, textWidth(s, size))
	}
	return w
}

// fold breaks a text into lines of at most a width.
func fold(s string, size, width float64) []string {
	var out []string
	at := ""
	for _, word := range strings.Fields(s) {
		if at != "" && textWidth(at+" "+word, size) > width {
			out, at = append(out, at), word
			continue
		}
		at = strings.TrimSpace(at + " " + word)
	}
	return append(out, at)
}
