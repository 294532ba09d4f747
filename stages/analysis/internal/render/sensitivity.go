package render

import (
	"cmp"
	"fmt"
	"slices"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// mostSensitive is how many contrasts the table of sensitivity shows.
const mostSensitive = 12

// sensitivity says how much the answer depends on single trials. ok is false if there is
// nothing to say.
func (r factorial) sensitivity() (s Section, ok bool) {
	shown, of := r.sensitive()
	if len(shown) > 0 {
		s.Grid = newGrid(1, 2)
		s.Grid.right = append(s.Grid.right, false)
		s.Grid.add("", "estimate", "without one "+r.Replicate, "moved most by")
		for _, c := range shown {
			s.Grid.add(c.ShortName(), numeral.Signed(c.Estimate, numeral.Half(c.Low, c.High)), numeral.Range(&c.LeftOut.Low, &c.LeftOut.High), r.Replicate+" "+c.LeftOut.Replicate)
		}
	}
	if len(shown) < of {
		s.Lines = append(s.Lines, fmt.Sprintf("These are the %d of %d contrasts that one %s moves most.", len(shown), of, r.Replicate))
	}
	if r.Sensitivity != nil {
		s.Lines = append(s.Lines, r.Sensitivity.Lines(r.Replicate)...)
	}
	s.Title = "Sensitivity to single trials (no test depends on it)"
	return s, s.Grid != nil || len(s.Lines) > 0
}

// sensitive are the contrasts that one replicate moves most, in the order of the answer,
// and how many have been estimated without one.
func (r factorial) sensitive() (shown []answer.Contrast, of int) {
	for _, c := range r.Contrasts {
		if c.LeftOut != nil {
			shown = append(shown, c)
		}
	}
	of = len(shown)
	if of <= mostSensitive {
		return shown, of
	}
	width := func(c answer.Contrast) float64 { return c.LeftOut.High - c.LeftOut.Low }
	widths := make([]float64, of)
	for i, c := range shown {
		widths[i] = width(c)
	}
	slices.SortFunc(widths, func(a, b float64) int { return cmp.Compare(b, a) })
	shown = slices.DeleteFunc(shown, func(c answer.Contrast) bool { return width(c) < widths[mostSensitive-1] })
	return shown[:mostSensitive], of
}
