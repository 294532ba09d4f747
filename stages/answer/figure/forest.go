package figure

import (
	"fmt"
	"slices"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Family is the contrasts of one kind that have an estimate, on a common scale with
// the other families of an analysis.
type Family struct {
	Title     string
	short     string // title in a figure
	Contrasts []answer.Contrast
	scale     scale
	margin    float64
	measure   string
}

// kinds of contrasts in the order of a report.
var kinds = []struct{ kind, title, short string }{
	{"declared", "Declared contrasts", "Declared contrasts"},
	{"gap", "Gaps to the baseline level", "Gaps to the baseline level"},
	{"main", "Main effects, averaged over the other factors", "Main effects"},
	{"interaction", "Interactions: does the gap of one factor depend on another?", "Interactions"},
	{"affected", "Gaps that an interaction affects, averaged over the factors that are not named", "Affected gaps"},
	{"equivalence", "Equivalence", "Equivalence"},
}

// Families sorts the contrasts of a result by kind, in the order of a report.
func Families(r answer.Result) []Family {
	var s span
	s.add(0)
	margin := 0.0
	if r.Margin != nil {
		margin = r.Margin.Margin
		s.add(margin, -margin)
	}
	var out []Family
	for _, k := range kinds {
		f := Family{Title: k.title, short: k.short, margin: margin, measure: "difference of " + r.Measured()}
		for _, c := range r.Contrasts {
			if c.Kind != k.kind {
				continue
			}
			f.Contrasts = append(f.Contrasts, c)
			for _, v := range []*float64{c.Estimate, c.Low, c.High, c.LowAdjusted, c.HighAdjusted} {
				if v != nil {
					s.add(*v)
				}
			}
		}
		if len(f.Contrasts) > 0 {
			out = append(out, f)
		}
	}
	low, high := s.padded(0.04)
	for i := range out {
		out[i].scale = scale{min: low, max: high}
	}
	return out
}

// Estimated reports whether any contrast has an estimate, so that there is something to
// draw.
func (f Family) Estimated() bool {
	return slices.ContainsFunc(f.Contrasts, func(c answer.Contrast) bool { return c.Estimate != nil })
}

// Name is a contrast's name in a table of its family.
func Name(c answer.Contrast) string {
	if c.Kind == "main" {
		return c.Name
	}
	return c.ShortName()
}

// Forest draws all families of a result, one below the other, with their numbers.
func Forest(r answer.Result) (Figure, bool) {
	families := Families(r)
	f := Figure{
		Name:        "effects",
		Caption:     fmt.Sprintf("Effects with %s intervals; thin: adjusted for the family.", numeral.Percent(r.Confidence)),
		Description: "Forest plot of all effects. " + effectsInWords(families),
		Data:        effectRows(r),
		draw:        func(width float64) *drawing { return drawForest(families, width) },
	}
	if r.Margin != nil {
		f.Caption += fmt.Sprintf(" Intervals of equivalence are those of %s. The band is its margin, ±%v.", numeral.Percent(1-2*r.Margin.Alpha), r.Margin.Margin)
	}
	return f, slices.ContainsFunc(families, Family.Estimated)
}

func effectsInWords(families []Family) string {
	var parts []string
	for _, f := range families {
		for _, c := range f.Contrasts {
			if c.Estimate != nil {
				parts = append(parts, Name(c)+" "+numeral.Signed(c.Estimate, numeral.Half(c.Low, c.High))+" "+c.Interval())
			}
		}
	}
	return strings.Join(parts, "; ") + "."
}

func effectRows(r answer.Result) [][]string {
	rows := [][]string{{"kind", "name", "estimate", "low", "high", "low_adjusted", "high_adjusted", "p"}}
	for _, c := range r.Contrasts {
		rows = append(rows, []string{c.Kind, c.Name, numeral.Exact(c.Estimate), numeral.Exact(c.Low), numeral.Exact(c.High), numeral.Exact(c.LowAdjusted), numeral.Exact(c.HighAdjusted), numeral.Exact(c.P)})
	}
	return rows
}

// stripWidth and stripHeight are the size of a contrast's strip in a table.
const (
	stripWidth  = 210.0
	stripHeight = 30.0
)

// overhang is how far the line of no difference goes beyond a strip. The cell of the table
// clips it, and may be higher than the strip where a name takes several lines.
const overhang = 60

// Strip draws one contrast for a row of a table. Strips of one table make a forest
// plot.
func (f Family) Strip(c answer.Contrast) string {
	d := &drawing{width: stripWidth, height: stripHeight}
	f.scale.from, f.scale.to = 6, stripWidth-6
	f.strip(d, c, stripHeight/2, stripHeight+2*overhang)
	return bare(d)
}

// Axis draws the scale below the strips of a table.
func (f Family) Axis() string {
	const height = 34
	d := &drawing{width: stripWidth, height: height}
	f.scale.from, f.scale.to = 6, stripWidth-6
	f.zero(d, 0, 5)
	frame{drawing: d, x: f.scale, left: 6, right: stripWidth - 6, bottom: 5}.abscissa(4, "")
	return bare(d)
}

// bare is a drawing that a table describes in its other columns.
func bare(d *drawing) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="strip" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" aria-hidden="true">`, px(d.width), px(d.height))
	d.write(&b)
	b.WriteString("</svg>")
	return b.String()
}

// zero draws the line of no difference and the margin of equivalence.
func (f Family) zero(d *drawing, top, bottom float64) {
	if f.margin > 0 {
		d.rect(shaded, f.scale.at(-f.margin), top, f.scale.at(f.margin)-f.scale.at(-f.margin), bottom-top)
	}
	x := f.scale.at(0)
	d.line(soft, 1, point{x, top}, point{x, bottom})
}

// strip draws a contrast with its intervals at a height.
func (f Family) strip(d *drawing, c answer.Contrast, y, height float64) {
	f.zero(d, y-height/2, y+height/2)
	if c.Estimate == nil {
		return
	}
	if c.LowAdjusted != nil {
		d.line(soft, 1, point{f.scale.at(*c.LowAdjusted), y}, point{f.scale.at(*c.HighAdjusted), y})
	}
	i := ink("s1")
	if c.Low != nil {
		d.line(i, 3, point{f.scale.at(*c.Low), y}, point{f.scale.at(*c.High), y})
	}
	d.mark(i, 1, 4.5, f.scale.at(*c.Estimate), y, "")
}

// drawForest draws all families with their names, and numbers where there is room.
func drawForest(families []Family, width float64) *drawing {
	const row, head, between, axis = 24.0, 26.0, 10.0, 44.0
	numbers := 0.0
	if width > Column {
		numbers = 150
	}
	var names []string
	for _, f := range families {
		for _, c := range f.Contrasts {
			names = append(names, Name(c))
		}
	}
	gutter := min(widest(names, textSize)+12, (width-numbers)*0.5)
	d := &drawing{width: width}
	for i, f := range families {
		f.scale.from, f.scale.to = gutter, width-numbers-12
		if i > 0 {
			d.height += between
		}
		d.add(shape{form: label, ink: black, size: textSize, bold: true, points: []point{{0, d.height + 14}}, text: f.short})
		d.height += head
		for _, c := range f.Contrasts {
			lines := fold(Name(c), textSize, gutter-8)
			high := max(row, 15*float64(len(lines))+7)
			for k, text := range lines {
				d.text(black, textSize, 0, d.height+high/2+4+15*(float64(k)-float64(len(lines)-1)/2), "start", shorten(text, textSize, gutter-4))
			}
			f.strip(d, c, d.height+high/2, high)
			if numbers > 0 {
				d.text(black, textSize, width, d.height+high/2+4, "end", numeral.Signed(c.Estimate, numeral.Half(c.Low, c.High))+" "+c.Interval())
			}
			d.height += high
		}
	}
	f := families[0]
	f.scale.from, f.scale.to = gutter, width-numbers-12
	below := frame{drawing: d, x: f.scale, left: gutter, right: width - numbers - 12, bottom: d.height + 4}
	below.abscissa(tickCount(below), f.measure)
	d.height += axis
	return d
}
