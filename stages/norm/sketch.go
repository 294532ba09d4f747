package norm

import (
	"fmt"

	"ablate/hcl/formula"
	"ablate/pipeline"
)

// Sketches implements pipeline.Sketcher: y of one element of x, with the start values.
func (n *Formula) Sketches() []pipeline.Sketch {
	sites, at := n.startSites()
	points := formula.Points(-4, 4)
	given := "Parameters and running values are at their start."
	if n.Y.Reduces() {
		given = fmt.Sprintf("The other %d elements of the row are standard normal numbers; parameters and running values are at their start.", sampleColumns-1)
	}
	var out []pipeline.Sketch
	for i, site := range sites {
		names := n.startNames(site, formula.Sample(1, sampleColumns))
		y, slopes := n.Y.Along(names, "x", points)
		out = append(out, pipeline.Sketch{Title: "y " + at[i], Of: "x", Given: given, X: points, Y: y, Slopes: slopes})
	}
	return out
}
