package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"ablate/stages/record"
)

// curveOf makes a curve of the values of a metric. Of several at one step, the one
// that was written last counts, as it does for the last step.
func curveOf(name string, points []point) (record.Curve, error) {
	c := record.Curve{Name: name}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.step, b.step) })
	for i, p := range points {
		if i+1 < len(points) && points[i+1].step == p.step {
			continue
		}
		v, err := p.value.number()
		if err != nil {
			return c, fmt.Errorf("at step %v, %s %w", p.step, name, err)
		}
		if err := extend(&c, p.step, v); err != nil {
			return c, err
		}
	}
	return c, nil
}

// extend appends a value to a curve.
func extend(c *record.Curve, at, v float64) error {
	const most = 1 << 53
	if at != math.Trunc(at) || at < 0 || at > most {
		return fmt.Errorf("%s has the step %v, and curves need whole numbers up to 2^53", c.Name, at)
	}
	step := int(at)
	switch {
	case !math.IsNaN(v) && !math.IsInf(v, 0):
		c.Steps, c.Values = append(c.Steps, step), append(c.Values, v)
	case c.Diverged == nil:
		c.Diverged = &step
	}
	return nil
}

// curves makes the curves of a run, by response.
func (x *runReader) curves(run *folderRun) ([]record.Curve, error) {
	var out []record.Curve
	for i, name := range x.metrics() {
		points := run.series.points[name]
		if len(points) == 0 {
			continue
		}
		c, err := curveOf(x.spec.Responses[i], points)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// writeCurves writes the curves of the run that was written last.
func (x *runReader) writeCurves(curves []record.Curve) error {
	if x.curvesTo == nil {
		return nil
	}
	for _, c := range curves {
		c.Run = x.written
		x.curved[c.Name]++
		if err := record.WriteCurve(x.curvesTo, c); err != nil {
			return err
		}
	}
	return nil
}

// warnCurves names responses that no run has at steps.
func (x *runReader) warnCurves(warn func(string)) {
	for _, name := range x.spec.Responses {
		if x.curvesTo != nil && x.written > 0 && x.curved[name] == 0 {
			warn(fmt.Sprintf("no run has %s at steps, so it has no curve", name))
		}
	}
}
