// Package nearest finds what a user may have meant by a name that does not exist.
package nearest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Name returns the known name that differs least from the given one, ignoring
// case, and the distance between them. It returns "" unless the distance is below
// limit.
func Name(given string, known []string, limit int) (name string, distance int) {
	const longest = 100 // the distance of long names takes long to compute
	distance = limit
	for _, k := range known {
		if max(len(given), len(k)) > longest {
			continue
		}
		if d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(k), nil); d < distance {
			name, distance = k, d
		}
	}
	return name, distance
}

// Minus says how to write a difference where the minus of an unknown name stands without
// spaces, as in steps-2 or x-mean(x); "" for other names. Either side is a known name of
// its list.
func Minus(given string, lefts, rights []string) string {
	left, right, ok := strings.Cut(given, "-")
	if !ok || !slices.Contains(lefts, left) && !slices.Contains(rights, right) {
		return ""
	}
	return fmt.Sprintf(" A dash is part of a name. For a difference, put spaces around the minus: %s - %s.", left, right)
}
