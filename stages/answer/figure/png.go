package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// pixel is the length of a unit of a drawing.
const pixel = vg.Inch / 96

// PNG is the figure as a raster of 300 dots per inch.
func (f Figure) PNG(width float64) ([]byte, error) {
	const dotsPerInch = 300
	d := f.draw(width)
	c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(vg.Length(d.width)*pixel, vg.Length(d.height)*pixel), vgimg.UseDPI(dotsPerInch))}
	newPainter(d.height).paint(c, d)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", f.Name, err)
	}
	return b.Bytes(), nil
}

// painter draws shapes on a canvas whose origin is at the lower left.
type painter struct {
	height float64
	fonts  *font.Cache
}

func newPainter(height float64) painter {
	return painter{height, font.NewCache(font.Collection{
		{Font: font.Font{Typeface: typeface}, Face: parsed(liberationsansregular.TTF)},
		{Font: font.Font{Typeface: typeface, Weight: xfont.WeightBold}, Face: parsed(liberationsansbold.TTF)},
	})}
}

const typeface = "Liberation Sans"

func parsed(ttf []byte) *opentype.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err) // of a font that is part of the program
	}
	return f
}

// legible replaces the characters of texts that the font lacks by a box: they would be
// invisible.
func legible(shapes []shape) []shape {
	known, buffer := parsed(liberationsansregular.TTF), sfnt.Buffer{}
	for i := range shapes {
		shapes[i].text = strings.Map(func(r rune) rune {
			if glyph, err := known.GlyphIndex(&buffer, r); err != nil || glyph == 0 {
				return '□'
			}
			return r
		}, shapes[i].text)
	}
	return shapes
}

func (p painter) point(at point) vg.Point {
	return vg.Point{X: vg.Length(at.x) * pixel, Y: vg.Length(p.height-at.y) * pixel}
}

func (p painter) paint(c vg.Canvas, d *drawing) {
	for _, s := range legible(d.printed()) {
		c.SetColor(tint(s))
		switch s.form {
		case line:
			c.SetLineWidth(vg.Length(s.width) * pixel)
			c.SetLineDash(p.dashes(s.dash), 0)
			c.Stroke(p.path(s.points, false))
		case area:
			c.Fill(p.path(s.points, true))
		case label:
			p.label(c, s)
		case marker:
			p.marker(c, s)
		}
	}
}

// tint is the colour of a shape, mixed with white where it is faint or pale.
func tint(s shape) color.RGBA {
	text := s.colour
	if text == "" {
		text = onPaper[s.ink]
	}
	v, _ := strconv.ParseUint(text[1:], 16, 32) // the colours are constants and those of shade
	c := [3]float64{float64(v >> 16), float64(v >> 8 & 0xff), float64(v & 0xff)}
	share := 1.0
	switch {
	case s.faint:
		share = 0.45
	case s.pale:
		share = 0.16
	}
	for i := range c {
		c[i] = share*c[i] + (1-share)*0xff
	}
	return color.RGBA{uint8(c[0]), uint8(c[1]), uint8(c[2]), 0xff}
}

func (p painter) dashes(i int) []vg.Length {
	var out []vg.Length
	for _, v := range dashSteps[i] {
		out = append(out, vg.Length(v)*pixel)
	}
	return out
}

func (p painter) path(points []point, closed bool) vg.Path {
	var out vg.Path
	for i, at := range points {
		if i == 0 {
			out.Move(p.point(at))
		} else {
			out.Line(p.point(at))
		}
	}
	if closed {
		out.Close()
	}
	return out
}

// marker draws a marker, whose inside is white if it is not filled.
func (p painter) marker(c vg.Canvas, s shape) {
	var at vg.Path
	if s.mark%3 == 0 {
		center := p.point(s.points[0])
		r := vg.Length(s.size) * pixel
		at.Move(vg.Point{X: center.X + r, Y: center.Y})
		at.Arc(center, r, 0, 2*math.Pi)
		at.Close()
	} else {
		at = p.path(s.outline(), true)
	}
	if s.filled {
		c.Fill(at)
		return
	}
	c.SetColor(color.White)
	c.Fill(at)
	c.SetColor(tint(s))
	c.SetLineWidth(1.5 * pixel)
	c.SetLineDash(nil, 0)
	c.Stroke(at)
}

func (p painter) label(c vg.Canvas, s shape) {
	weight := xfont.WeightNormal
	if s.bold {
		weight = xfont.WeightBold
	}
	face := p.fonts.Lookup(font.Font{Typeface: typeface, Weight: weight}, vg.Length(s.size)*pixel)
	at := p.point(s.points[0])
	switch s.anchor {
	case "middle":
		at.X -= face.Width(s.text) / 2
	case "end":
		at.X -= face.Width(s.text)
	}
	c.FillString(face, at, s.text)
}
