package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Mechanism is the document of a mechanism analysis.
func Mechanism(r answer.Mechanism) Document {
	return Document{Sections: mechanismSections(r), Rows: mechanismRows(r)}
}

// probeTitle names what the probes took, and where.
func probeTitle(r answer.Mechanism) string {
	return fmt.Sprintf("%s at %s", strings.ReplaceAll(r.Quantity, "_", " "), r.Site)
}

// lastStep is a cell's points at its last step, by layer.
func lastStep(c answer.MechanismCell) []answer.MechanismPoint {
	step := c.Points[len(c.Points)-1].Step
	return slices.DeleteFunc(slices.Clone(c.Points), func(p answer.MechanismPoint) bool { return p.Step != step })
}

func mechanismSections(r answer.Mechanism) []Section {
	if len(r.Cells) == 0 {
		return warned(nil, r.Warnings)
	}
	g := newGrid(1, r.Layers)
	head := []string{"cell"}
	for l := range r.Layers {
		head = append(head, fmt.Sprintf("layer %d", l))
	}
	g.add(head...)
	step := 0
	for _, c := range r.Cells {
		line := make([]string, r.Layers+1)
		line[0] = c.Name
		for _, p := range lastStep(c) {
			line[p.Layer+1], step = numeral.Significant(p.Value, 4), p.Step
		}
		g.add(line...)
	}
	return []Section{{Title: fmt.Sprintf("%s at step %d, mean of replicates", probeTitle(r), step), Grid: g}}
}

func mechanismRows(r answer.Mechanism) [][]string {
	rows := [][]string{{"cell", "step", "layer", r.Quantity, "n"}}
	for _, c := range r.Cells {
		for _, p := range c.Points {
			rows = append(rows, []string{c.Name, strconv.Itoa(p.Step), strconv.Itoa(p.Layer), numeral.Exact(&p.Value), strconv.Itoa(p.N)})
		}
	}
	return rows
}
