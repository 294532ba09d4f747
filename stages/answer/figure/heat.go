package figure

import (
	"fmt"
	"slices"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Mechanism draws probes by layer and step: a heat map for each cell, on one scale.
func Mechanism(r answer.Mechanism) []Figure {
	title := fmt.Sprintf("%s at %s", strings.ReplaceAll(r.Quantity, "_", " "), r.Site)
	rows := [][]string{{"cell", "step", "layer", r.Quantity, "n"}}
	var values span
	for _, c := range r.Cells {
		for _, p := range c.Points {
			values.add(p.Value)
			rows = append(rows, []string{c.Name, fmt.Sprint(p.Step), fmt.Sprint(p.Layer), numeral.Shortest(p.Value), fmt.Sprint(p.N)})
		}
	}
	if !values.any {
		return nil
	}
	words := title + " by layer and step."
	for _, c := range r.Cells {
		if n := len(c.Points); n > 0 {
			last := c.Points[n-1]
			words += fmt.Sprintf(" %s: %s in layer %d at step %d.", c.Name, numeral.Significant(last.Value, 3), last.Layer, last.Step)
		}
	}
	return []Figure{{
		Name: "mechanism", Caption: upper(title) + " by layer and step, mean of replicates. All panels have one scale.",
		Description: words, Data: rows, draw: func(width float64) *drawing { return drawHeat(r, title, values, width) },
	}}
}

// ramp is the scale of heat maps, from low to high: it is ordered in grey, too, and
// readers with any colour vision see it.
var ramp = []string{"#fcfdbf", "#feca8d", "#fd9668", "#f1605d", "#cd4071", "#9e2f7f", "#721f81", "#440f76", "#180f3d"}

// shade is the colour of a value.
func shade(v float64, s span) string {
	if s.max == s.min {
		return ramp[len(ramp)/2]
	}
	at := (v - s.min) / (s.max - s.min) * float64(len(ramp)-1)
	i := min(int(at), len(ramp)-2)
	var a, b [3]int
	fmt.Sscanf(ramp[i], "#%02x%02x%02x", &a[0], &a[1], &a[2])
	fmt.Sscanf(ramp[i+1], "#%02x%02x%02x", &b[0], &b[1], &b[2])
	part := at - float64(i)
	var c [3]int
	for k := range c {
		c[k] = a[k] + int(part*float64(b[k]-a[k]))
	}
	return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2])
}

func drawHeat(r answer.Mechanism, title string, values span, width float64) *drawing {
	columns := min(3, len(r.Cells))
	if width < 400 {
		columns = min(2, len(r.Cells))
	} else if len(r.Cells) == 4 {
		columns = 2
	}
	const left, gap, foot, top = 46.0, 14.0, 14.0, 30.0
	each := (width - left - gap*float64(columns-1)) / float64(columns)
	var names []string
	for _, c := range r.Cells {
		names = append(names, c.Name)
	}
	head := titleHeight(names, each)
	high := max(64, min(160, 22*float64(r.Layers)))
	rows := (len(r.Cells) + columns - 1) / columns
	d := &drawing{width: width, height: top + float64(rows)*(head+high+foot) + 32}
	scaleBar(d, title, values, width)
	for i, c := range r.Cells {
		x, y := left+float64(i%columns)*(each+gap), top+float64(i/columns)*(head+high+foot)
		f := frame{drawing: d, left: x, right: x + each, top: y + head, bottom: y + head + high}
		f.title(c.Name)
		f.heat(c, r.Layers, values, title)
		if i%columns == 0 {
			f.layers(r.Layers)
		}
		if i+columns >= len(r.Cells) {
			f.steps(c, i == len(r.Cells)-1)
		}
	}
	return d
}

// scaleBar shows which colour is which value.
func scaleBar(d *drawing, title string, values span, width float64) {
	const parts, wide, high = 24, 130.0, 10.0
	low, top := numeral.Significant(values.min, 3), numeral.Significant(values.max, 3)
	x := width - wide - textWidth(top, textSize) - 8
	if textWidth(title, textSize)+textWidth(low, textSize)+8 < x {
		d.text(black, textSize, 0, 13, "start", title)
	}
	for i := range parts {
		v := values.min + (values.max-values.min)*(float64(i)+0.5)/parts
		at := x + wide*float64(i)/parts
		d.add(shape{form: area, colour: shade(v, values), points: box(at, 4, wide/parts+0.3, high)})
	}
	d.text(soft, textSize-1, x-6, 13, "end", low)
	d.text(soft, textSize-1, x+wide+6, 13, "start", top)
}

func box(x, y, width, height float64) []point {
	return []point{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}}
}

// stepsOf lists the steps of a cell.
func stepsOf(c answer.MechanismCell) []int {
	var out []int
	for _, p := range c.Points {
		if !slices.Contains(out, p.Step) {
			out = append(out, p.Step)
		}
	}
	slices.Sort(out)
	return out
}

func (f frame) heat(c answer.MechanismCell, layers int, values span, title string) {
	steps := stepsOf(c)
	wide, high := (f.right-f.left)/float64(len(steps)), (f.bottom-f.top)/float64(layers)
	for _, p := range c.Points {
		i := slices.Index(steps, p.Step)
		f.add(shape{form: area, colour: shade(p.Value, values), points: box(f.left+wide*float64(i), f.bottom-high*float64(p.Layer+1), wide+0.2, high+0.2),
			note: fmt.Sprintf("%s, step %d, layer %d: %s %s", c.Name, p.Step, p.Layer, title, numeral.Significant(p.Value, 4))})
	}
}

// layers numbers the rows of a heat map.
func (f frame) layers(layers int) {
	high := (f.bottom - f.top) / float64(layers)
	every := max(1, (layers+5)/6)
	for l := 0; l < layers; l += every {
		f.text(soft, textSize-1, f.left-6, f.bottom-high*(float64(l)+0.5)+4, "end", fmt.Sprintf("L%d", l))
	}
}

// steps numbers the columns of a heat map.
func (f frame) steps(c answer.MechanismCell, named bool) {
	steps := stepsOf(c)
	wide := (f.right - f.left) / float64(len(steps))
	every := max(1, int(46/wide)+1)
	for i := 0; i < len(steps); i += every {
		f.text(soft, textSize-1, f.left+wide*(float64(i)+0.5), f.bottom+15, "middle", fmt.Sprint(steps[i]))
	}
	if named {
		f.text(soft, textSize-1, f.right, f.bottom+29, "end", "step")
	}
}
