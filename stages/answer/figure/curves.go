package figure

import (
	"fmt"
	"math"
	"slices"

	"ablate/stages/answer/numeral"
)

// Curve is the rows of one metric of one trial.
type Curve struct {
	Replicate string
	Steps     []int
	Values    []float64
}

// Panel is the curves of one cell.
type Panel struct {
	Name   string
	Curves []Curve
}

// mostPanels is how many cells a figure of curves shows, and mostPoints how many
// points of each curve.
const (
	mostPanels = 24
	mostPoints = 110
)

// Curves draws a metric of all trials by step: a panel for each cell, with a thin
// line for each replicate and a thick one for their mean. ok is false without a curve
// of three points.
func Curves(metric, replicate string, panels []Panel) (Figure, bool) {
	panels = slices.DeleteFunc(slices.Clone(panels), func(p Panel) bool { return len(p.Curves) == 0 })
	hidden := max(0, len(panels)-mostPanels)
	rows := [][]string{{"cell", replicate, "step", metric}}
	var all []thinPanel
	longest := 0
	for _, p := range panels[:len(panels)-hidden] {
		var t thinPanel
		t.name = p.Name
		for _, c := range p.Curves {
			longest = max(longest, len(c.Steps))
			c = thin(c)
			for i := range c.Steps {
				rows = append(rows, []string{p.Name, c.Replicate, fmt.Sprint(c.Steps[i]), numeral.Shortest(c.Values[i])})
			}
			t.curves = append(t.curves, c)
		}
		t.mean = meanOf(t.curves)
		all = append(all, t)
	}
	const least = 3
	if longest < least {
		return Figure{}, false
	}
	g := newCurveGrid(metric, all)
	f := Figure{
		Name:    "curves-" + metric,
		Caption: fmt.Sprintf("%s by step, a panel for each cell. Thin: one %s each; thick: their mean; grey: the means of the other cells.", upper(metric), replicate),
		Data:    rows, Hover: g.hover(replicate), Description: g.words(), draw: g.drawing,
	}
	if g.y.log {
		f.Caption += " The axis of values is logarithmic."
	}
	if longest > mostPoints {
		f.Caption += " Each point is the mean over a range of steps."
	}
	if hidden > 0 {
		f.Caption += fmt.Sprintf(" The first %d of %d cells.", mostPanels, mostPanels+hidden)
	}
	return f, true
}

type thinPanel struct {
	name   string
	curves []Curve
	mean   Curve
}

// thin reduces a curve to means over equal ranges of steps.
func thin(c Curve) Curve {
	if len(c.Steps) <= mostPoints {
		return c
	}
	out := Curve{Replicate: c.Replicate}
	first, last := c.Steps[0], c.Steps[len(c.Steps)-1]
	width := float64(last-first+1) / mostPoints
	for i := 0; i < len(c.Steps); {
		end := first + int(math.Ceil((math.Floor(float64(c.Steps[i]-first)/width)+1)*width))
		n, sum := 0, 0.0
		for i < len(c.Steps) && (c.Steps[i] < end || n == 0) {
			sum += c.Values[i]
			n++
			i++
		}
		out.Steps, out.Values = append(out.Steps, c.Steps[i-1]), append(out.Values, sum/float64(n))
	}
	return out
}

// meanOf averages curves at the steps that all of them have.
func meanOf(curves []Curve) Curve {
	sums, counts := make(map[int]float64), make(map[int]int)
	for _, c := range curves {
		for i, s := range c.Steps {
			sums[s] += c.Values[i]
			counts[s]++
		}
	}
	var m Curve
	for _, s := range curves[0].Steps {
		if counts[s] == len(curves) {
			m.Steps, m.Values = append(m.Steps, s), append(m.Values, sums[s]/float64(len(curves)))
		}
	}
	return m
}

// curveGrid lays panels out with common scales.
type curveGrid struct {
	metric   string
	abscissa string
	panels   []thinPanel
	x, y     scale
}

func newCurveGrid(metric string, panels []thinPanel) curveGrid {
	var xs, ys span
	for _, p := range panels {
		for _, c := range p.curves {
			for i := range c.Steps {
				xs.add(float64(c.Steps[i]))
				ys.add(c.Values[i])
			}
		}
	}
	g := curveGrid{metric: metric, abscissa: "step", panels: panels}
	const wide = 1.6 // ratio from which on a logarithmic axis shows more
	g.y.log = ys.min > 0 && ys.max/ys.min > wide
	if g.y.log {
		room := math.Pow(ys.max/ys.min, 0.04)
		g.y.min, g.y.max = ys.min/room, ys.max*room
	} else {
		g.y.min, g.y.max = ys.padded(0.05)
	}
	g.x.min, g.x.max = xs.min, xs.max
	return g
}

func (g curveGrid) hover(replicate string) *Hover {
	h := &Hover{X: g.abscissa, Min: g.x.min, Max: g.x.max}
	for _, p := range g.panels {
		panel := hoverPanel{Name: p.name}
		for _, c := range p.curves {
			panel.Lines = append(panel.Lines, hoverLineOf(replicate+" "+c.Replicate, c))
		}
		if len(p.curves) > 1 {
			panel.Lines = append(panel.Lines, hoverLineOf("mean", p.mean))
		}
		h.Panels = append(h.Panels, panel)
	}
	return h
}

func hoverLineOf(name string, c Curve) hoverLine {
	l := hoverLine{Name: name}
	for i := range c.Steps {
		l.X, l.Y = append(l.X, float64(c.Steps[i])), append(l.Y, rounded(c.Values[i]))
	}
	return l
}

// rounded keeps five digits, which is all that a tooltip shows.
func rounded(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	size := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*size) / size
}

func (g curveGrid) words() string {
	s := fmt.Sprintf("Curves of %s by %s.", g.metric, g.abscissa)
	for _, p := range g.panels {
		if n := len(p.mean.Values); n > 0 {
			s += fmt.Sprintf(" %s: mean from %s to %s.", p.name, numeral.Plain(p.mean.Values[0]), numeral.Plain(p.mean.Values[n-1]))
		}
	}
	return s
}

func (g curveGrid) drawing(width float64) *drawing {
	columns := min(len(g.panels), max(1, int(width/205)), 3)
	if len(g.panels) == 4 && columns == 3 {
		columns = 2
	}
	if width < 400 {
		columns = min(2, len(g.panels))
	}
	const left, right, gap, foot, top = 36.0, 10.0, 14.0, 12.0, 22.0
	each := (width - left - right - gap*float64(columns-1)) / float64(columns)
	var names []string
	for _, p := range g.panels {
		names = append(names, p.name)
	}
	head := titleHeight(names, each)
	high := math.Round(max(96, min(200, each*0.66)))
	rows := (len(g.panels) + columns - 1) / columns
	d := &drawing{width: width, height: top + float64(rows)*(head+high+foot) + 26}
	d.text(soft, textSize-1, 0, 12, "start", g.metric)
	for i, p := range g.panels {
		x, y := left+float64(i%columns)*(each+gap), top+float64(i/columns)*(head+high+foot)
		f := frame{drawing: d, x: g.x, y: g.y, left: x, right: x + each, top: y + head, bottom: y + head + high}
		f.x.from, f.x.to, f.y.from, f.y.to = f.left, f.right, f.bottom, f.top
		f.title(p.name)
		f.gridlines(4, i%columns == 0)
		g.panel(f, i)
		if i+columns >= len(g.panels) {
			name := ""
			if i == len(g.panels)-1 {
				name = g.abscissa
			}
			f.abscissa(max(2, int(each/45)), name)
		} else {
			f.line(soft, 1, point{f.left, f.bottom}, point{f.right, f.bottom})
		}
		d.add(shape{form: area, panel: i + 1, points: []point{{f.left, f.top}, {f.right, f.top}, {f.right, f.bottom}, {f.left, f.bottom}}})
	}
	d.height += 10
	return d
}

// panel draws the curves of one cell over the means of the others.
func (g curveGrid) panel(f frame, i int) {
	for k, other := range g.panels {
		if k != i && len(other.mean.Steps) > 1 {
			f.add(shape{form: line, ink: rule, width: 1.2, points: f.along(other.mean)})
		}
	}
	p := g.panels[i]
	if len(p.curves) > 1 {
		for _, c := range p.curves {
			f.add(shape{form: line, ink: "s1", width: 0.8, points: f.along(c), faint: true})
		}
	}
	f.add(shape{form: line, ink: "s1", width: 2, points: f.along(p.mean)})
}

func (f frame) along(c Curve) []point {
	out := make([]point, 0, len(c.Steps))
	for i := range c.Steps {
		if v := f.y.at(c.Values[i]); !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, point{f.x.at(float64(c.Steps[i])), v})
		}
	}
	return out
}
