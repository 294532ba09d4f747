// Package nearest finds what a user may have meant by a name that does not exist.
package nearest

import (
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
