package answer

import (
	"fmt"

	"ablate/stages/answer/numeral"
)

// Findings says where the gap of each level shows. Every claim rests on a band that holds
// at all compared steps at once, for this level alone.
func (r Trajectory) Findings() []Finding {
	var out []Finding
	for _, l := range r.Levels {
		if len(l.Points) > 0 {
			out = append(out, r.finding(l))
		}
	}
	return out
}

func (r Trajectory) finding(l TrajectoryLine) Finding {
	shown, lastShown := 0, 0
	for i, p := range l.Points {
		if p.Shows() {
			shown, lastShown = shown+1, i
		}
	}
	n := len(l.Points)
	last := l.Points[n-1]
	a, b := NameLevel(r.Factor, l.Level), NameLevel(r.Factor, r.Baseline)
	differs := fmt.Sprintf("%s differs between %s and %s", r.Response, a, b)
	evidence := fmt.Sprintf("%s band over all compared steps", numeral.Percent(r.Confidence))
	if n == 1 {
		evidence = numeral.Percent(r.Confidence) + " interval"
	}
	where := func(p TrajectoryPoint) string {
		return fmt.Sprintf("%s (%s %s)", r.gapAt(l, p), evidence, numeral.Between(p.Low, p.High))
	}
	reversed := ""
	for _, p := range l.Points[:lastShown] {
		if p.Shows() && p.Gap > 0 != (l.Points[lastShown].Gap > 0) {
			reversed = "; earlier it is the reverse: " + where(p)
		}
	}
	switch {
	case last.Low == nil && shown > 0:
		return Finding{fmt.Sprintf("%s at %d of %d compared steps: %s%s; at the last step, %d, there is no band.",
			differs, shown, n, where(l.Points[lastShown]), reversed, last.Step), true}
	case last.Constant:
		return Finding{fmt.Sprintf("For %s, %s; there is no band, because it is the same in every replicate.", r.Response, r.gapAt(l, last)), false}
	case last.Low == nil:
		return Finding{fmt.Sprintf("For %s, %s; there is no band.", r.Response, r.gapAt(l, last)), false}
	case shown == 0 && n == 1:
		return Finding{fmt.Sprintf("The data do not show whether %s: %s.", differs, where(last)), false}
	case shown == 0:
		return Finding{fmt.Sprintf("The data do not show whether %s at any of %d compared steps: %s.", differs, n, where(last)), false}
	case l.Seen == nil:
		return Finding{fmt.Sprintf("%s at %d of %d compared steps: %s%s; at the last step, %d, the data do not show a difference.",
			differs, shown, n, where(l.Points[lastShown]), reversed, last.Step), true}
	case *l.Seen == last.Step:
		return Finding{fmt.Sprintf("%s at the last step that is compared: %s%s.", differs, where(last), reversed), true}
	}
	return Finding{fmt.Sprintf("%s at every compared step from %d on: %s%s.", differs, *l.Seen, where(last), reversed), true}
}

// gapAt states a gap, from which the reader sees its direction.
func (r Trajectory) gapAt(l TrajectoryLine, p TrajectoryPoint) string {
	difference := Term{Factor: r.Factor, Level: l.Level, Baseline: r.Baseline}.Difference()
	return fmt.Sprintf("at step %d, the gap %s is %s", p.Step, difference, numeral.Signed(&p.Gap, numeral.Half(p.Low, p.High)))
}

// Shows reports whether the band excludes 0.
func (p TrajectoryPoint) Shows() bool {
	return p.Low != nil && p.High != nil && (*p.Low > 0 || *p.High < 0)
}

// Findings says how the response changes along the doses, then from the baseline to each.
// The gaps are one family; the slope is another.
func (r Dose) Findings() []Finding {
	var out []Finding
	if r.Slope != nil {
		out = append(out, r.slopeFinding())
	}
	what := Measure(r.Response, r.At)
	for _, c := range r.Contrasts {
		if c.Estimate == nil || len(c.Terms) != 1 {
			continue
		}
		t := c.Terms[0]
		found := Finding{gapText(c, what), c.shown()}
		if r.Reference != nil {
			found = Finding{constantText(c, what, NameLevel(t.Factor, t.Level), t.Baseline), c.Clear()}
		}
		out = append(out, found)
	}
	return out
}

func (r Dose) slopeFinding() Finding {
	what := Measure(r.Response, r.At)
	change := fmt.Sprintf("%s for each unit of %s", numeral.Signed(r.Slope, numeral.Half(r.SlopeLow, r.SlopeHigh)), r.Factor)
	line := fmt.Sprintf("Along the least-squares line, %s changes by %s", what, change)
	if r.SlopeLow == nil || r.SlopeHigh == nil {
		return Finding{line + "; there is no interval.", false}
	}
	interval := fmt.Sprintf("(%s interval %s)", numeral.Percent(r.Confidence), numeral.Between(r.SlopeLow, r.SlopeHigh))
	if *r.SlopeLow > 0 || *r.SlopeHigh < 0 {
		return Finding{line + " " + interval + ".", true}
	}
	return Finding{fmt.Sprintf("The data do not show whether the least-squares line of %s rises or falls with %s: it changes by %s %s.", what, r.Factor, change, interval), false}
}

// constantText compares a level with a constant.
func constantText(c Contrast, what, level, constant string) string {
	switch {
	case c.Low == nil:
		return fmt.Sprintf("At %s, %s differs from the constant %s by %s; there is no interval.", level, what, constant, change(c))
	case c.Clear():
		return fmt.Sprintf("At %s, %s differs from the constant %s by %s (%s).", level, what, constant, change(c), evidence(c))
	}
	return fmt.Sprintf("The data do not show whether %s differs from the constant %s at %s: the difference is %s (%s)%s.", what, constant, level, change(c), evidence(c), sensitive(c))
}
