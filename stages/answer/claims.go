package answer

import (
	"encoding/json"
	"slices"
	"strings"
)

// ErrorRate bounds the share of studies without effects in which the sentences about the
// document of an analysis claim one: each family of claims adds its own rate.
func ErrorRate(kind string, document []byte) (families int, rate float64) {
	var confidence float64
	switch kind {
	case "factorial":
		var r Result
		if json.Unmarshal(document, &r) == nil {
			families, confidence = r.claims(), r.Confidence
		}
	case "dose":
		var r Dose
		if json.Unmarshal(document, &r) == nil {
			families, confidence = tested(r.Families), r.Confidence
		}
	case "recovery": // no level is adjusted for the others
		var r Recovery
		if json.Unmarshal(document, &r) == nil {
			families, confidence = count(r.Contrasts, func(c Contrast) bool { return c.Low != nil }), r.Confidence
		}
	case "trajectory": // nor here
		var r Trajectory
		if json.Unmarshal(document, &r) == nil {
			banded := func(p TrajectoryPoint) bool { return p.Low != nil }
			families, confidence = count(r.Levels, func(l TrajectoryLine) bool { return slices.ContainsFunc(l.Points, banded) }), r.Confidence
		}
	}
	return families, float64(families) * (1 - confidence)
}

// claims is the number of families of a factorial, over all responses.
func (r Result) claims() (n int) {
	for _, x := range r.All() {
		if n += tested(x.Families); r.Joint {
			return n
		}
	}
	return n
}

// tested is the number of families that claim effects. A verdict of equivalence is wrong
// only where there is one.
func tested(families []Family) int {
	return count(families, func(f Family) bool { return f.Size > 0 && !strings.HasPrefix(f.Name, "equivalence") })
}

func count[T any](list []T, is func(T) bool) (n int) {
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}
