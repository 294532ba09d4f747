package render

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"ablate/stages/answer"
)

// heat draws layer against step, one panel for each cell, all on one scale. Its
// lightness rises with the value, so that it reads in grey too. ok is false if
// nothing varies.
func heat(r answer.Mechanism) (f Figure, ok bool) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range r.Cells {
		for _, p := range c.Points {
			low, high = min(low, p.Value), max(high, p.Value)
		}
	}
	if r.Layers < 2 || !(low < high) {
		return Figure{}, false
	}
	columns := min(3, len(r.Cells))
	if len(r.Cells) == 4 {
		columns = 2
	}
	var panels [][]*plot.Plot
	for i, c := range r.Cells {
		grid := newHeatGrid(c, r.Layers)
		if len(grid.steps) < 2 {
			return Figure{}, false
		}
		p := newPlot("step", "layer")
		p.Title.Text = c.Name
		p.Title.TextStyle.Font.Variant = "Sans"
		p.X.Padding, p.Y.Padding = 0, 0
		p.Y.Tick.Marker = layerTicks(r.Layers)
		p.Add(heatMap(grid, low, high))
		if i%columns == 0 {
			panels = append(panels, make([]*plot.Plot, columns))
		}
		panels[len(panels)-1][i%columns] = p
	}
	bar := newPlot("", probeTitle(r))
	bar.Add(heatMap(scaleGrid{low, high}, low, high))
	bar.HideX()
	bar.X.Padding, bar.Y.Padding = 0, 0
	return Figure{
		name: "heat", panels: panels, bar: bar,
		width: vg.Length(float64(columns)*2.6)*vg.Inch + barWidth, height: vg.Length(float64(len(panels))*2.2) * vg.Inch,
	}, true
}

func heatMap(g plotter.GridXYZ, low, high float64) *plotter.HeatMap {
	const shades = 255
	colours := moreland.Kindlmann()
	colours.SetMin(low)
	colours.SetMax(high)
	h := plotter.NewHeatMap(g, colours.Palette(shades))
	h.Min, h.Max = low, high
	return h
}

// heatGrid is a cell's probes as a grid of steps and layers.
type heatGrid struct {
	steps  []float64
	layers int
	values map[[2]int]float64 // by index of the step, and layer
}

func newHeatGrid(c answer.MechanismCell, layers int) heatGrid {
	g := heatGrid{layers: layers, values: make(map[[2]int]float64)}
	for _, p := range c.Points {
		if at := float64(p.Step); !slices.Contains(g.steps, at) { // sorted by step
			g.steps = append(g.steps, at)
		}
		g.values[[2]int{len(g.steps) - 1, p.Layer}] = p.Value
	}
	return g
}

// Dims implements plotter.GridXYZ.
func (g heatGrid) Dims() (c, r int) { return len(g.steps), g.layers }

// X implements plotter.GridXYZ.
func (g heatGrid) X(c int) float64 { return g.steps[c] }

// Y implements plotter.GridXYZ.
func (g heatGrid) Y(r int) float64 { return float64(r) }

// Z implements plotter.GridXYZ.
func (g heatGrid) Z(c, r int) float64 {
	if v, ok := g.values[[2]int{c, r}]; ok {
		return v
	}
	return math.NaN()
}

// scaleGrid is the scale as a grid of one value in each row. It is drawn as
// areas, since browsers keep the proportions of an image inside an SVG.
type scaleGrid struct{ low, high float64 }

// Dims implements plotter.GridXYZ.
func (scaleGrid) Dims() (c, r int) { return 2, 48 }

// X implements plotter.GridXYZ.
func (scaleGrid) X(c int) float64 { return float64(c) }

// Y implements plotter.GridXYZ.
func (g scaleGrid) Y(r int) float64 { return g.low + (g.high-g.low)*float64(r)/47 }

// Z implements plotter.GridXYZ.
func (g scaleGrid) Z(_, r int) float64 { return g.Y(r) }

// layerTicks marks whole layers only.
func layerTicks(layers int) plot.ConstantTicks {
	every := max(1, layers/6)
	var out plot.ConstantTicks
	for l := 0; l < layers; l += every {
		out = append(out, plot.Tick{Value: float64(l), Label: strconv.Itoa(l)})
	}
	return out
}
