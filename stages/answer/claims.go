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
			families, confidence = r.Claims(), r.Confidence
		}
	case "dose":
		var r Dose
		if json.Unmarshal(document, &r) == nil {
			families, confidence = count(r.Families, Family.Claims), r.Confidence
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

// Claims is the number of families of a factorial that claim effects, over all responses. A
// verdict of equivalence is wrong only where there is one, so its family counts apart.
func (r Result) Claims() (n int) {
	joint := make(map[string]bool) // families of all responses
	for _, x := range r.All() {
		for _, f := range x.Families {
			if f.Claims() && !joint[f.Name] {
				joint[f.Name] = r.Joint
				n++
			}
		}
	}
	return n
}

// Claims reports whether sentences about a family can claim an effect.
func (f Family) Claims() bool { return f.Size > 0 && !strings.HasPrefix(f.Name, "equivalence") }

func count[T any](list []T, is func(T) bool) (n int) {
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}
