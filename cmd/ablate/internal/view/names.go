package view

import (
	"cmp"
	"slices"
	"strings"

	"ablate/stages/answer"
)

// Level is a factor of a trial at its level.
type Level struct{ Factor, Text, Label string }

// TrialName names a trial by the labels of its levels. Numbers, true and false say of which
// factor they are.
func TrialName(levels []Level) string {
	parts := make([]string, len(levels))
	for i, l := range levels {
		parts[i] = ofFactor(l.Factor, cmp.Or(l.Label, l.Text))
	}
	return strings.Join(parts, ", ")
}

// ofFactor is a level that says of which factor it is, if it does not say what it is.
func ofFactor(factor, level string) string {
	if answer.NameLevel(factor, level) != level {
		return factor + " " + level
	}
	return level
}

// fitNames shortens names to a width, so that what tells them apart stays: first they lose
// levels that all of them share, and then the middles of levels.
func fitNames(names []string, width int) []string {
	parts := make([][]string, len(names))
	for i, n := range names {
		parts[i] = strings.Split(n, ", ")
	}
	for at := 0; !allFit(parts, width) && at < len(parts[0]); {
		if len(parts) < 2 || len(parts[0]) == 1 || slices.ContainsFunc(parts, func(p []string) bool { return len(p) != len(parts[0]) || p[at] != parts[0][at] }) {
			at++
			continue
		}
		for i := range parts {
			parts[i] = slices.Delete(parts[i], at, at+1)
		}
	}
	out := make([]string, len(names))
	for i, p := range parts {
		for longest := width; cells(strings.Join(p, ", ")) > width && longest > 3; longest-- {
			for n := range p {
				p[n] = shorten(p[n], longest)
			}
		}
		out[i] = shorten(strings.Join(p, ", "), width)
	}
	return out
}

func allFit(names [][]string, width int) bool {
	return !slices.ContainsFunc(names, func(p []string) bool { return cells(strings.Join(p, ", ")) > width })
}
