package render

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"ablate/stages/answer"
)

// inks are the colours of Okabe and Ito, which readers with any colour vision
// can tell apart, dark ones first. Each has a shape and dashes of its own, so
// that lines differ in grey too.
var inks = []color.RGBA{
	{0, 0, 0, 255}, {0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255},
}

var shapes = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{},
}

var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(3), vg.Points(2), vg.Points(3)}}

// whiskers are points with intervals.
type whiskers struct {
	plotter.XYs
	plotter.XErrors
	plotter.YErrors
}

// above adds a point with a symmetric vertical interval.
func (w *whiskers) above(x, y, half float64) {
	w.XYs = append(w.XYs, plotter.XY{X: x, Y: y})
	w.YErrors = append(w.YErrors, struct{ Low, High float64 }{half, half})
}

// spanning adds a point with a vertical interval.
func (w *whiskers) spanning(x, low, y, high float64) {
	w.XYs = append(w.XYs, plotter.XY{X: x, Y: y})
	w.YErrors = append(w.YErrors, struct{ Low, High float64 }{y - low, high - y})
}

func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(16)
	// The legend is at the left: a viewer whose font is wider than ours then
	// still has room.
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	for _, f := range []*font.Font{
		&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		f.Variant = "Sans"
	}
	return p
}

// dotted is a thin grey line for a reference.
func dotted(ends plotter.XYs) (*plotter.Line, error) {
	line, err := plotter.NewLine(ends)
	if err == nil {
		line.LineStyle = draw.LineStyle{Color: color.Gray{120}, Width: vg.Points(0.8), Dashes: dashes[2]}
	}
	return line, err
}

func lineStyle(i int) draw.LineStyle {
	return draw.LineStyle{Color: inks[i%len(inks)], Width: vg.Points(1.2), Dashes: dashes[i%len(dashes)]}
}

func glyphStyle(i int) draw.GlyphStyle {
	return draw.GlyphStyle{Color: inks[i%len(inks)], Radius: vg.Points(3.5), Shape: shapes[i%len(shapes)]}
}

// series draws points with intervals in the i-th style, with or without a line
// through them. Without a finite point it draws nothing.
func series(p *plot.Plot, i int, name string, points whiskers, connected bool) {
	scatter, err := plotter.NewScatter(points.XYs)
	if err != nil {
		return
	}
	scatter.GlyphStyle = glyphStyle(i)
	thumbs := []plot.Thumbnailer{scatter}
	if connected && len(points.XYs) > 1 {
		if line, err := plotter.NewLine(points.XYs); err == nil {
			line.LineStyle = lineStyle(i)
			p.Add(line)
			thumbs = append(thumbs, line)
		}
	}
	if points.YErrors != nil {
		if bars, err := plotter.NewYErrorBars(points); err == nil {
			bars.Color = inks[i%len(inks)]
			p.Add(bars)
		}
	}
	if points.XErrors != nil {
		if bars, err := plotter.NewXErrorBars(points); err == nil {
			bars.Color = inks[i%len(inks)]
			p.Add(bars)
		}
	}
	p.Add(scatter)
	if name != "" {
		p.Legend.Add(name, thumbs...)
	}
}

// crowded is the number of points from which on a line has a band and few
// marks instead of an interval at every point.
const crowded = 24

// course draws one line by step in the i-th style, with its intervals.
func course(p *plot.Plot, i int, name string, points whiskers) {
	if len(points.XYs) < crowded {
		series(p, i, name, points, true)
		return
	}
	if points.YErrors != nil {
		band(p, inks[i%len(inks)], points)
	}
	line, err := plotter.NewLine(points.XYs)
	if err != nil {
		return // no finite point
	}
	line.LineStyle = lineStyle(i)
	p.Add(line)
	// Lines have their marks at different points, so that none hides another.
	var marked plotter.XYs
	for k, every := i%8*len(points.XYs)/64, len(points.XYs)/8; k < len(points.XYs); k += every {
		marked = append(marked, points.XYs[k])
	}
	marks, err := plotter.NewScatter(marked)
	if err != nil {
		return
	}
	marks.GlyphStyle = glyphStyle(i)
	p.Add(marks)
	p.Legend.Add(name, marks, line)
}

// band fills the area between the ends of the intervals.
func band(p *plot.Plot, ink color.RGBA, points whiskers) {
	var upper, lower plotter.XYs
	for k, at := range points.XYs {
		upper = append(upper, plotter.XY{X: at.X, Y: at.Y + points.YErrors[k].High})
		lower = append(lower, plotter.XY{X: at.X, Y: at.Y - points.YErrors[k].Low})
	}
	slices.Reverse(lower)
	area, err := plotter.NewPolygon(append(upper, lower...))
	if err != nil {
		return
	}
	area.LineStyle.Width = 0
	area.Color = color.NRGBA{R: ink.R, G: ink.G, B: ink.B, A: 40}
	p.Add(area)
}

// halfWidth is half the width of the t interval of a cell's mean; 0 for a
// single trial.
func halfWidth(c answer.Cell, confidence float64) float64 {
	if c.SD == nil {
		return 0
	}
	n := float64(c.N)
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5+confidence/2) * *c.SD / math.Sqrt(n)
}
