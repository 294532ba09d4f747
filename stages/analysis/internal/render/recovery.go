package render

import (
	"fmt"
	"strconv"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Recovery is the document of a recovery analysis.
func Recovery(r answer.Recovery) Document {
	return Document{Sections: recoverySections(r), Rows: recoveryRows(r)}
}

// ofLevel finds the contrast of a level; the zero contrast if there is none.
func ofLevel(contrasts []answer.Contrast, level string) answer.Contrast {
	for _, x := range contrasts {
		if x.Name == level {
			return x
		}
	}
	return answer.Contrast{}
}

func recoverySections(r answer.Recovery) []Section {
	g := newGrid(1, 3)
	g.add(r.Factor, "mean ± s.d.", "won back", numeral.Percent(r.Confidence)+" interval (Fieller)")
	for _, c := range r.Cells {
		x := ofLevel(r.Contrasts, c.Levels[0])
		g.add(c.Levels[0], meanOf(c), numeral.Share(x.Estimate), numeral.Shares(x.Low, x.High))
	}
	title := fmt.Sprintf("Share of the gap of %s to %s that is won back, by %s", answer.NameLevel(r.Factor, r.Lost), answer.NameLevel(r.Factor, r.Baseline), answer.Measure(r.Response, r.At))
	return warned([]Section{{Title: title, Grid: g}}, r.Warnings)
}

func recoveryRows(r answer.Recovery) [][]string {
	rows := [][]string{{r.Factor, "n", "mean", "sd", "recovery", "low", "high"}}
	for _, c := range r.Cells {
		x := ofLevel(r.Contrasts, c.Levels[0])
		rows = append(rows, []string{c.Levels[0], strconv.Itoa(c.N), numeral.Exact(c.Mean), numeral.Exact(c.SD), numeral.Exact(x.Estimate), numeral.Exact(x.Low), numeral.Exact(x.High)})
	}
	return rows
}
