package figure

import (
	"bytes"
	"fmt"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"
)

// points is the length of a unit of a drawing, in points.
const points = 72.0 / 96

// PDF is the figure as a file of one page, with its fonts embedded.
func (f Figure) PDF(width float64) ([]byte, error) {
	d := f.draw(width)
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: d.width * points, Ht: d.height * points}})
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.SetCatalogSort(true)
	doc.SetCreationDate(time.Unix(0, 0).UTC())
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.AddUTF8FontFromBytes("sans", "", liberationsansregular.TTF)
	doc.AddUTF8FontFromBytes("sans", "B", liberationsansbold.TTF)
	doc.AddPageFormat("P", fpdf.SizeType{Wd: d.width * points, Ht: d.height * points})
	for _, s := range legible(d.printed()) {
		printed{doc, s}.draw()
	}
	var b bytes.Buffer
	if err := doc.Output(&b); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", f.Name, err)
	}
	return b.Bytes(), nil
}

// printed is a shape on a page.
type printed struct {
	*fpdf.Fpdf
	shape shape
}

func (p printed) draw() {
	s := p.shape
	c := tint(s)
	p.SetDrawColor(int(c.R), int(c.G), int(c.B))
	p.SetFillColor(int(c.R), int(c.G), int(c.B))
	p.SetTextColor(int(c.R), int(c.G), int(c.B))
	switch s.form {
	case line:
		var dash []float64
		for _, v := range dashSteps[s.dash] {
			dash = append(dash, v*points)
		}
		p.SetDashPattern(dash, 0)
		p.SetLineWidth(s.width * points)
		for i, at := range s.points {
			if i == 0 {
				p.MoveTo(at.x*points, at.y*points)
			} else {
				p.LineTo(at.x*points, at.y*points)
			}
		}
		p.DrawPath("D")
	case area:
		p.Polygon(corners(s.points), "F")
	case label:
		p.label()
	case marker:
		p.marker()
	}
}

func corners(of []point) []fpdf.PointType {
	out := make([]fpdf.PointType, len(of))
	for i, at := range of {
		out[i] = fpdf.PointType{X: at.x * points, Y: at.y * points}
	}
	return out
}

func (p printed) label() {
	s, style := p.shape, ""
	if s.bold {
		style = "B"
	}
	p.SetFont("sans", style, s.size*points)
	x := s.points[0].x * points
	switch s.anchor {
	case "middle":
		x -= p.GetStringWidth(s.text) / 2
	case "end":
		x -= p.GetStringWidth(s.text)
	}
	p.Text(x, s.points[0].y*points, s.text)
}

func (p printed) marker() {
	s, style := p.shape, "F"
	if !s.filled {
		style = "FD"
		p.SetFillColor(0xff, 0xff, 0xff)
		p.SetDashPattern(nil, 0)
		p.SetLineWidth(1.5 * points)
	}
	if s.mark%3 == 0 {
		p.Circle(s.points[0].x*points, s.points[0].y*points, s.size*points, style)
		return
	}
	p.Polygon(corners(s.outline()), style)
}
