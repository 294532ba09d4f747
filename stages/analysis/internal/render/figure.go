package render

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"ablate/pipeline"
)

// Figure is a drawing: one plot, or panels with a common scale. Its data are in
// the CSV of its document.
type Figure struct {
	name          string // of its files, without their extension
	plot          *plot.Plot
	width, height vg.Length
	legend        int // lines in the legend

	panels [][]*plot.Plot // instead of plot: rows of plots, nil where a row is short
	bar    *plot.Plot     // the scale to their right
}

// FigureOutputs are the outputs of figures of these names. A figure with
// nothing to show is not drawn, so they are optional.
func FigureOutputs(names ...string) []pipeline.Output {
	var out []pipeline.Output
	for _, n := range names {
		out = append(out, pipeline.Output{Name: n + ".svg", MediaType: "image/svg+xml", Optional: true},
			pipeline.Output{Name: n + ".png", MediaType: "image/png", Optional: true})
	}
	return out
}

// dotsPerInch is the resolution of PNG files.
const dotsPerInch = 150

// barWidth is the room for the scale of panels, with its title and numbers.
const barWidth = 1.25 * vg.Inch

// write creates the SVG and PNG files of a figure. stamp marks a partial
// answer.
func (f Figure) write(env *pipeline.Env, stamp string) error {
	f.makeRoom()
	margin := vg.Points(12) // for labels at the ends of axes
	svg := vgsvg.NewWith(vgsvg.UseWH(f.width, f.height))
	f.paint(draw.Crop(draw.New(svg), 0, -margin, 0, -margin))
	png := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dotsPerInch))}
	f.paint(draw.Crop(draw.New(png), 0, -margin, 0, -margin))
	if stamp != "" {
		write(draw.New(svg), "Partial: "+stamp)
		write(draw.New(png), "Partial: "+stamp)
	}
	var vector, raster bytes.Buffer
	if _, err := svg.WriteTo(&vector); err != nil {
		return fmt.Errorf("drawing %s: %w", f.name, err)
	}
	if _, err := png.WriteTo(&raster); err != nil {
		return fmt.Errorf("drawing %s: %w", f.name, err)
	}
	if err := WriteFile(env, f.name+".svg", vector.Bytes()); err != nil {
		return err
	}
	return WriteFile(env, f.name+".png", raster.Bytes())
}

// paint draws the figure on a canvas.
func (f Figure) paint(c draw.Canvas) {
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

// write puts a text at the upper edge of a canvas.
func write(c draw.Canvas, text string) {
	const size = 8
	style := draw.TextStyle{
		Color: color.RGBA{R: 0xa0, A: 0xff}, Font: font.From(plot.DefaultFont, size), Handler: plot.DefaultTextHandler, YAlign: draw.YTop,
	}
	style.Font.Variant = "Sans"
	c.FillText(style, vg.Point{X: c.Min.X + vg.Points(4), Y: c.Max.Y - vg.Points(2)}, text)
}

// makeRoom widens the axes a little, and the y axis by what the legend needs. A
// long legend makes the figure higher.
func (f *Figure) makeRoom() {
	if f.panels != nil {
		return
	}
	const line, below = 16, 50 // a line of the legend, and the x axis with its labels, in points
	legend := float64(line * f.legend)
	f.height = max(f.height, vg.Points(2*legend+below))
	share := legend / (f.height.Points() - below)
	x, y := &f.plot.X, &f.plot.Y
	wide, high := x.Max-x.Min, y.Max-y.Min
	x.Min, x.Max = x.Min-0.03*wide, x.Max+0.03*wide
	y.Min, y.Max = y.Min-0.03*high, y.Max+(0.03+1.06*share/(1-share))*high
}
