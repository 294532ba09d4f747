package model

import (
	"fmt"

	"ablate/hcl/formula"
	"ablate/pipeline"
)

// Sketches implements pipeline.Sketcher.
func (m *Llama) Sketches() []pipeline.Sketch { return sketches(m.Activation, []string{"gate", "up"}) }

// Sketches implements pipeline.Sketcher.
func (m *GPT2) Sketches() []pipeline.Sketch { return sketches(m.Activation, []string{"up"}) }

// sketches draws an activation of each of its inputs.
func sketches(f formula.Formula, names []string) (out []pipeline.Sketch) {
	points := formula.Points(-4, 4)
	for i, name := range names {
		if !f.Reads(name) {
			continue
		}
		given := ""
		own := make(map[string]formula.Grid)
		for j, other := range names {
			own[other] = formula.Single(1)
			if f.Reduces() {
				own[other] = formula.Sample(1, sampleColumns)
			}
			if j != i && f.Reads(other) {
				given = other + " is 1."
			}
		}
		if f.Reduces() {
			given = fmt.Sprintf("Everything else is standard normal numbers, %d in a row.", sampleColumns)
		}
		y, slopes := f.Along(own, name, points)
		out = append(out, pipeline.Sketch{Title: "activation", Of: name, Given: given, X: points, Y: y, Slopes: slopes})
	}
	return out
}
