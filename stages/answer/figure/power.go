package figure

import (
	"fmt"

	"ablate/stages/answer/numeral"
)

// PowerCurve is the power for one contrast by the number of replicates.
type PowerCurve struct {
	Contrast   string
	Replicates []int
	Power      []float64
	Least      []float64 // at the upper bound of the standard deviation; nil where that is given
}

// Power draws the power for contrasts by the number of replicates: a panel for each. ok is
// false where there are not two numbers to join.
func Power(replicates string, curves []PowerCurve) (f Figure, ok bool) {
	hidden := max(0, len(curves)-mostPanels)
	rows := [][]string{{"contrast", replicates, "power", "power_at_least"}}
	g := curveGrid{metric: "power", abscissa: replicates, y: scale{min: 0, max: 1}}
	var xs span
	bounded := false
	for _, c := range curves[:len(curves)-hidden] {
		power := Curve{Steps: c.Replicates, Values: c.Power}
		p := thinPanel{name: c.Contrast, curves: []Curve{power}, mean: power}
		if c.Least != nil {
			bounded = true
			p.curves = append(p.curves, Curve{Steps: c.Replicates, Values: c.Least})
		}
		for i, n := range c.Replicates {
			xs.add(float64(n))
			least := ""
			if c.Least != nil {
				least = numeral.Shortest(c.Least[i])
			}
			rows = append(rows, []string{c.Contrast, fmt.Sprint(n), numeral.Shortest(c.Power[i]), least})
		}
		g.panels = append(g.panels, p)
	}
	g.x = scale{min: xs.min, max: xs.max}
	f = Figure{Name: "power", Caption: fmt.Sprintf("Power by the number of %s, a panel for each contrast.", replicates), Data: rows, Description: g.words(), draw: g.drawing}
	if bounded {
		f.Caption += " Thick: at the standard deviation of the pilot; thin: at its upper 90 % bound."
	}
	if hidden > 0 {
		f.Caption += fmt.Sprintf(" The first %d of %d contrasts.", mostPanels, len(curves))
	}
	return f, xs.any && xs.max > xs.min
}
