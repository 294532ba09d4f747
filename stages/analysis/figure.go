package analysis

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"ablate/pipeline"
)

// figure is a drawing, and the names of its files without their ending.
type figure struct {
	name          string
	plot          *plot.Plot
	width, height vg.Length
	legend        int // its lines

	panels [][]*plot.Plot // instead of plot: rows of plots beside each other
	bar    *plot.Plot     // the scale at their right
}

// barWidth is the room for the scale of panels, its title and its numbers.
const barWidth = 1.25 * vg.Inch

// paint draws the figure on a canvas.
func (f figure) paint(c draw.Canvas) {
	if f.panels == nil {
		f.plot.Draw(c)
		return
	}
	f.bar.Draw(draw.Crop(c, c.Max.X-c.Min.X-barWidth, 0, 0, 0))
	c = draw.Crop(c, 0, -barWidth-vg.Points(12), 0, 0)
	tiles := draw.Tiles{Rows: len(f.panels), Cols: len(f.panels[0]), PadX: vg.Points(8), PadY: vg.Points(8)}
	for i, row := range plot.Align(f.panels, tiles, c) {
		for j, at := range row {
			if f.panels[i][j] != nil {
				f.panels[i][j].Draw(at)
			}
		}
	}
}

// illustrated is a result with figures. Their data are in its CSV.
type illustrated interface{ figures() []figure }

// figureOutputs are the outputs that a figure makes; it is not drawn where
// there is nothing to show.
func figureOutputs(names ...string) []pipeline.Output {
	var out []pipeline.Output
	for _, n := range names {
		out = append(out, pipeline.Output{Name: n + ".svg", MediaType: "image/svg+xml", Optional: true},
			pipeline.Output{Name: n + ".png", MediaType: "image/png", Optional: true})
	}
	return out
}

// dotsPerInch of PNG files.
const dotsPerInch = 150

func writeFigure(env *pipeline.Env, f figure) error {
	f.room()
	margin := vg.Points(12) // for labels at the ends of axes
	svg := vgsvg.NewWith(vgsvg.UseWH(f.width, f.height))
	f.paint(draw.Crop(draw.New(svg), 0, -margin, 0, -margin))
	png := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dotsPerInch))}
	f.paint(draw.Crop(draw.New(png), 0, -margin, 0, -margin))
	if text := partialText(env); text != "" {
		stamp(draw.New(svg), "Partial: "+text)
		stamp(draw.New(png), "Partial: "+text)
	}
	for ending, write := range map[string]func(*bytes.Buffer) (int64, error){
		".svg": func(b *bytes.Buffer) (int64, error) { return svg.WriteTo(b) },
		".png": func(b *bytes.Buffer) (int64, error) { return png.WriteTo(b) },
	} {
		var b bytes.Buffer
		if _, err := write(&b); err != nil {
			return fmt.Errorf("drawing %s: %w", f.name, err)
		}
		w, err := env.Create(f.name + ending)
		if err != nil {
			return err
		}
		_, err = w.Write(b.Bytes())
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
	return nil
}

// stamp writes along a figure's upper edge.
func stamp(c draw.Canvas, text string) {
	const size = 8
	style := draw.TextStyle{
		Color: color.RGBA{R: 0xa0, A: 0xff}, Font: font.From(plot.DefaultFont, size), Handler: plot.DefaultTextHandler, YAlign: draw.YTop,
	}
	style.Font.Variant = "Sans"
	c.FillText(style, vg.Point{X: c.Min.X + vg.Points(4), Y: c.Max.Y - vg.Points(2)}, text)
}

// room widens the axes a little, and upwards for the legend where there is one;
// a long legend makes the figure higher.
func (f *figure) room() {
	if f.panels != nil {
		return
	}
	const line, below = 16, 50 // of the legend, and what the x axis takes, in points
	legend := float64(line * f.legend)
	f.height = max(f.height, vg.Points(2*legend+below))
	share := legend / (f.height.Points() - below)
	x, y := &f.plot.X, &f.plot.Y
	wide, high := x.Max-x.Min, y.Max-y.Min
	x.Min, x.Max = x.Min-0.03*wide, x.Max+0.03*wide
	y.Min, y.Max = y.Min-0.03*high, y.Max+(0.03+1.06*share/(1-share))*high
}

// inks are Okabe and Ito's colours for all eyes, dark ones first; with shapes
// and dashes of their own, lines can also be told apart in grey.
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

func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(16)
	// At the left, so that a viewer's wider font runs into nothing.
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	for _, f := range []*font.Font{
		&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		f.Variant = "Sans"
	}
	return p
}

// series draws one line of points with intervals in the i-th ink.
func series(p *plot.Plot, i int, name string, points whiskers, connected bool) {
	ink := inks[i%len(inks)]
	scatter, err := plotter.NewScatter(points.XYs)
	if err != nil {
		return // without a finite point there is nothing to draw
	}
	scatter.GlyphStyle = draw.GlyphStyle{Color: ink, Radius: vg.Points(3.5), Shape: shapes[i%len(shapes)]}
	thumbs := []plot.Thumbnailer{scatter}
	if connected && len(points.XYs) > 1 {
		if line, err := plotter.NewLine(points.XYs); err == nil {
			line.LineStyle = draw.LineStyle{Color: ink, Width: vg.Points(1.2), Dashes: dashes[i%len(dashes)]}
			p.Add(line)
			thumbs = append(thumbs, line)
		}
	}
	if points.YErrors != nil {
		if bars, err := plotter.NewYErrorBars(points); err == nil {
			bars.Color = ink
			p.Add(bars)
		}
	}
	if points.XErrors != nil {
		if bars, err := plotter.NewXErrorBars(points); err == nil {
			bars.Color = ink
			p.Add(bars)
		}
	}
	p.Add(scatter)
	if name != "" {
		p.Legend.Add(name, thumbs...)
	}
}

// crowded is from how many points on a line has room for a band and a few
// marks, not for an interval at every point.
const crowded = 24

// course draws one line of points by step, the interval of each as a band.
func course(p *plot.Plot, i int, name string, points whiskers) {
	if len(points.XYs) < crowded {
		series(p, i, name, points, true)
		return
	}
	ink := inks[i%len(inks)]
	if points.YErrors != nil {
		band(p, ink, points)
	}
	line, err := plotter.NewLine(points.XYs)
	if err != nil {
		return // without a finite point there is nothing to draw
	}
	line.LineStyle = draw.LineStyle{Color: ink, Width: vg.Points(1.2), Dashes: dashes[i%len(dashes)]}
	p.Add(line)
	// Marks of different lines are kept apart, so that all are seen.
	var few plotter.XYs
	for k, every := i%8*len(points.XYs)/64, len(points.XYs)/8; k < len(points.XYs); k += every {
		few = append(few, points.XYs[k])
	}
	marks, err := plotter.NewScatter(few)
	if err != nil {
		return
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: ink, Radius: vg.Points(3.5), Shape: shapes[i%len(shapes)]}
	p.Add(marks)
	p.Legend.Add(name, marks, line)
}

// band fills what the intervals of a line enclose.
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

// halfOf is half the width of a mean's t interval, 0 for a single trial.
func halfOf(c resultCell, confidence float64) float64 {
	if c.SD == nil {
		return 0
	}
	n := float64(c.N)
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5+confidence/2) * *c.SD / math.Sqrt(n)
}

func (r *result) figures() []figure {
	var out []figure
	if f, ok := r.interactionFigure(); ok {
		out = append(out, f)
	}
	if f, ok := forest("contrasts", "difference of "+r.measure(), r.Contrasts); ok {
		out = append(out, f)
	}
	return out
}

// interactionFigure draws the cells of a design of two factors: lines that run
// in parallel say that there is no interaction.
func (r *result) interactionFigure() (figure, bool) {
	if len(r.Factors) != 2 {
		return figure{}, false
	}
	lines, across := 0, 1
	if len(r.Factors[1].Levels) > len(r.Factors[0].Levels) {
		lines, across = 1, 0
	}
	p := newPlot(r.Factors[across].Name, r.measure())
	p.NominalX(r.Factors[across].Levels...)
	drawn := false
	for i, level := range r.Factors[lines].Levels {
		var w whiskers
		for j, x := range r.Factors[across].Levels {
			for _, c := range r.Cells {
				if c.Mean == nil || c.Levels[lines] != level || c.Levels[across] != x {
					continue
				}
				// A little to the side, so that intervals do not cover each other.
				at := float64(j) + 0.06*(float64(i)-float64(len(r.Factors[lines].Levels)-1)/2)
				half := halfOf(c, r.Confidence)
				w.XYs = append(w.XYs, plotter.XY{X: at, Y: *c.Mean})
				w.YErrors = append(w.YErrors, struct{ Low, High float64 }{half, half})
			}
		}
		if len(w.XYs) > 0 {
			drawn = true
			series(p, i, level, w, true)
		}
	}
	p.X.Min, p.X.Max = -0.4, float64(len(r.Factors[across].Levels))-0.6
	return figure{name: "interaction", plot: p, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: len(r.Factors[lines].Levels)}, drawn
}

// forest draws contrasts with their intervals, one below the other.
func forest(name, axis string, contrasts []resultContrast) (figure, bool) {
	p := newPlot(axis, "")
	var names []string
	var w whiskers
	for i := len(contrasts) - 1; i >= 0; i-- {
		c := contrasts[i]
		if c.Estimate == nil {
			continue
		}
		low, high := 0.0, 0.0
		if c.Low != nil {
			low, high = *c.Estimate-*c.Low, *c.High-*c.Estimate
		}
		w.XYs = append(w.XYs, plotter.XY{X: *c.Estimate, Y: float64(len(names))})
		w.XErrors = append(w.XErrors, struct{ Low, High float64 }{low, high})
		names = append(names, shortName(c))
	}
	if len(names) == 0 {
		return figure{}, false
	}
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
	if zero, err := plotter.NewLine(plotter.XYs{{X: 0, Y: p.Y.Min}, {X: 0, Y: p.Y.Max}}); err == nil {
		zero.LineStyle = draw.LineStyle{Color: color.Gray{120}, Width: vg.Points(0.8), Dashes: dashes[2]}
		p.Add(zero)
	}
	series(p, 0, "", w, false)
	return figure{name: name, plot: p, width: 7 * vg.Inch, height: vg.Length(1.2+0.28*float64(len(names))) * vg.Inch}, true
}

// shortName is a contrast's name for the side of a figure.
func shortName(c resultContrast) string {
	if len(c.Terms) == 2 && c.Kind == "interaction" {
		return fmt.Sprintf("(%s − %s) × (%s − %s)", c.Terms[0].Level, c.Terms[0].Baseline, c.Terms[1].Level, c.Terms[1].Baseline)
	}
	if c.Kind == "main" {
		return c.Name + " (main)"
	}
	return c.Name
}

func (r *recoveryResult) figures() []figure {
	if f, ok := forest("recovery", "share of the gap that is won back", r.Contrasts); ok {
		return []figure{f}
	}
	return nil
}

func (r *doseResult) figures() []figure {
	p := newPlot(r.Factor, measureOf(r.Response, r.At))
	var w whiskers
	for _, l := range r.Doses {
		if l.Mean == nil {
			continue
		}
		half := halfOf(l.resultCell, r.Confidence)
		w.XYs = append(w.XYs, plotter.XY{X: l.Dose, Y: *l.Mean})
		w.YErrors = append(w.YErrors, struct{ Low, High float64 }{half, half})
	}
	if len(w.XYs) == 0 {
		return nil
	}
	if r.Reference != nil {
		ends := plotter.XYs{{X: w.XYs[0].X, Y: *r.Reference}, {X: w.XYs[len(w.XYs)-1].X, Y: *r.Reference}}
		if line, err := plotter.NewLine(ends); err == nil {
			line.LineStyle = draw.LineStyle{Color: color.Gray{120}, Width: vg.Points(0.8), Dashes: dashes[2]}
			p.Add(line)
			p.Legend.Add("reference", line)
		}
	}
	series(p, 1, "", w, true)
	return []figure{{name: "dose", plot: p, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: 1}}
}
