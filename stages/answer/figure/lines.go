package figure

import (
	"fmt"
	"slices"
	"strconv"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// course is one line of a chart, with intervals where low and high are not nil.
type course struct {
	name      string
	x, y      []float64
	low, high []*float64
}

// chart is several lines over one abscissa.
type chart struct {
	courses []course
	x, y    string // names of the axes
	zero    bool   // no difference is marked
	points  bool   // each point is marked
}

// Trajectory draws the gaps of a trajectory by step, and the response of each level.
func Trajectory(r answer.Trajectory) []Figure {
	baseline := answer.NameLevel(r.Factor, r.Baseline)
	gaps, curves := chart{x: "step", y: "gap of " + r.Response + " to " + baseline, zero: true}, chart{x: "step", y: r.Response}
	for _, l := range r.Levels {
		c := course{name: answer.NameLevel(r.Factor, l.Level)}
		for _, p := range l.Points {
			c.add(float64(p.Step), p.Gap, p.Low, p.High)
		}
		gaps.courses = append(gaps.courses, c)
	}
	for _, l := range r.Curves {
		c := course{name: answer.NameLevel(r.Factor, l.Level)}
		for _, p := range l.Points {
			if p.Mean != nil {
				h := halfWidth(p.Cell, r.Confidence)
				low, high := *p.Mean-h, *p.Mean+h
				c.add(float64(p.Step), *p.Mean, &low, &high)
			}
		}
		curves.courses = append(curves.courses, c)
	}
	level := numeral.Percent(r.Confidence)
	return append(
		gaps.figure("trajectory", fmt.Sprintf("Gap to %s by step, with a %s band that holds at all steps at once.", baseline, level)),
		curves.figure("curves", fmt.Sprintf("%s by step: means with %s intervals.", upper(r.Response), level))...)
}

// Dose draws means by dose.
func Dose(r answer.Dose) []Figure {
	c := course{name: ""}
	for _, p := range r.Doses {
		if p.Mean != nil {
			h := halfWidth(p.Cell, r.Confidence)
			low, high := *p.Mean-h, *p.Mean+h
			c.add(p.Dose, *p.Mean, &low, &high)
		}
	}
	ch := chart{x: r.Factor, y: answer.Measure(r.Response, r.At), courses: []course{c}, points: true}
	if r.Reference != nil && len(c.x) > 0 {
		first, last := c.x[0], c.x[len(c.x)-1]
		ch.courses = append(ch.courses, course{name: "reference", x: []float64{first, last}, y: []float64{*r.Reference, *r.Reference}, low: make([]*float64, 2), high: make([]*float64, 2)})
	}
	caption := fmt.Sprintf("%s by %s: means", upper(answer.Measure(r.Response, r.At)), r.Factor)
	if slices.ContainsFunc(r.Doses, func(p answer.DosePoint) bool { return p.N > 1 }) {
		caption += fmt.Sprintf(" with %s intervals", numeral.Percent(r.Confidence))
	}
	return ch.figure("dose", caption+".")
}

// Recovery draws the shares that levels win back.
func Recovery(r answer.Recovery) []Figure {
	var s span
	s.add(0, 1)
	for _, c := range r.Contrasts {
		if c.Estimate == nil {
			continue
		}
		s.add(*c.Estimate)
		if c.Low != nil {
			s.add(*c.Low, *c.High)
		}
	}
	low, high := s.padded(0.04)
	f := Family{short: "Share of the gap that is won back", Contrasts: r.Contrasts, measure: "share of the gap", scale: scale{min: low, max: high}}
	return []Figure{{
		Name: "recovery", Caption: "Share of the gap that each level wins back, with Fieller's intervals.", Description: "Shares won back: " + effectsInWords([]Family{f}),
		Data: effectRows(answer.Result{Contrasts: r.Contrasts}), draw: func(width float64) *drawing { return drawForest([]Family{f}, width) },
	}}
}

func (c *course) add(x, y float64, low, high *float64) {
	c.x, c.y, c.low, c.high = append(c.x, x), append(c.y, y), append(c.low, low), append(c.high, high)
}

// figure is the chart as a figure; none if it has no point.
func (c chart) figure(name, caption string) []Figure {
	any := false
	rows := [][]string{{"line", c.x, "value", "low", "high"}}
	hover := &Hover{X: c.x, Panels: []hoverPanel{{}}}
	words := c.y + " by " + c.x + "."
	var xs span
	for _, l := range c.courses {
		for i := range l.x {
			any = true
			xs.add(l.x[i])
			rows = append(rows, []string{l.name, numeral.Shortest(l.x[i]), numeral.Shortest(l.y[i]), numeral.Exact(l.low[i]), numeral.Exact(l.high[i])})
		}
		if n := len(l.x); n > 0 {
			words += fmt.Sprintf(" %s: from %s at %s to %s at %s.", l.name, numeral.Plain(l.y[0]), numeral.Shortest(l.x[0]), numeral.Plain(l.y[n-1]), numeral.Shortest(l.x[n-1]))
		}
		hover.Panels[0].Lines = append(hover.Panels[0].Lines, hoverLine{Name: l.name, X: l.x, Y: l.y})
	}
	if !any {
		return nil
	}
	hover.Min, hover.Max = xs.min, xs.max
	return []Figure{{Name: name, Caption: caption, Description: words, Data: rows, Hover: hover, draw: c.drawing}}
}

func (c chart) drawing(width float64) *drawing {
	var xs, ys span
	names := make([]string, len(c.courses))
	for i, l := range c.courses {
		names[i] = l.name
		xs.add(l.x...)
		ys.add(l.y...)
		for k := range l.x {
			if l.low[k] != nil {
				ys.add(*l.low[k], *l.high[k])
			}
		}
	}
	if c.zero {
		ys.add(0)
	}
	height := max(230, min(320, width*0.5))
	d := &drawing{width: width, height: height}
	room, near := beside(names, width)
	if !near {
		room = 16
	}
	f := frame{drawing: d, left: 50, top: 26, right: width - room, bottom: height - 36}
	f.x = scale{min: xs.min, max: xs.max, from: f.left, to: f.right}
	f.y.min, f.y.max = ys.padded(0.05)
	f.y.from, f.y.to = f.bottom, f.top
	f.gridlines(6, true)
	d.text(soft, textSize-1, 0, 12, "start", c.y)
	f.abscissa(tickCount(f), c.x)
	if c.zero {
		f.add(shape{form: line, ink: soft, width: 1.2, dash: 2, points: []point{{f.left, f.y.at(0)}, {f.right, f.y.at(0)}}})
	}
	var ends []labelAt
	for i, l := range c.courses {
		f.course(i, l, dodge*(float64(i)-float64(len(c.courses)-1)/2))
		if n := len(l.x); n > 0 {
			ends = append(ends, labelAt{series(i), f.y.at(l.y[n-1]), l.name})
		}
	}
	d.add(shape{form: area, panel: 1, points: []point{{f.left, f.top}, {f.right, f.top}, {f.right, f.bottom}, {f.left, f.bottom}}})
	if near {
		d.labels(ends, f.right+8, f.top, f.bottom)
		return d
	}
	d.legend(names, d.height, width)
	d.height += legendHeight(names, width)
	return d
}

// crowded is the number of points from which on a line has a band instead of an
// interval at every point.
const crowded = 12

// dodge is the distance between the intervals of two lines at one place.
const dodge = 5

// course draws a line with its intervals. Where each point has one, the line is moved
// aside, so that intervals of several lines do not cover each other.
func (f frame) course(i int, l course, aside float64) {
	if len(l.x) >= crowded {
		aside = 0
	}
	var upperEnds, lowerEnds, middle []point
	for k := range l.x {
		x := f.x.at(l.x[k]) + aside
		middle = append(middle, point{x, f.y.at(l.y[k])})
		if l.low[k] == nil {
			continue
		}
		upperEnds, lowerEnds = append(upperEnds, point{x, f.y.at(*l.high[k])}), append(lowerEnds, point{x, f.y.at(*l.low[k])})
	}
	if len(upperEnds) >= crowded {
		for k := len(lowerEnds) - 1; k >= 0; k-- {
			upperEnds = append(upperEnds, lowerEnds[k])
		}
		f.add(shape{form: area, ink: series(i), points: upperEnds, pale: true})
	} else {
		for k := range upperEnds {
			f.line(series(i), 1.2, upperEnds[k], lowerEnds[k])
		}
	}
	f.add(shape{form: line, ink: series(i), width: 2, points: middle, dash: i % len(dashSteps)})
	if len(middle) >= crowded {
		return
	}
	for k, m := range middle {
		f.mark(series(i), i, 3.6, m.x, m.y, l.name+" at "+strconv.FormatFloat(l.x[k], 'g', -1, 64)+": "+numeral.Plain(l.y[k]))
	}
}
