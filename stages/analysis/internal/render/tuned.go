package render

import (
	"fmt"
	"strconv"
	"strings"

	"ablate/stages/answer/numeral"
)

// tunedGrid tabulates the settings that cells chose.
func (r factorial) tunedGrid() *Grid {
	g := newGrid(len(r.Factors)+1, 3)
	g.right = append(g.right, false) // what the edge says
	var head []string
	for _, f := range r.Factors {
		head = append(head, f.Name)
	}
	g.add(append(head, "best setting", "mean", "settings tried", "chosen by the others", "")...)
	for _, c := range r.Tuned {
		var setting []string
		for _, t := range c.Setting {
			setting = append(setting, t.Factor+" = "+t.Level)
		}
		mean, chosen, edge := "", "", ""
		if c.Mean != nil {
			mean = numeral.Plain(*c.Mean)
		}
		if c.Of > 0 {
			chosen = fmt.Sprintf("%d of %d", c.Chosen, c.Of)
		}
		if len(c.Edges) > 0 {
			edge = "on the edge of " + join(c.Edges)
		}
		line := append([]string{}, c.Levels...)
		g.add(append(line, strings.Join(setting, ", "), mean, strconv.Itoa(c.Tried), chosen, edge)...)
	}
	return g
}
