package formula

import (
	"fmt"
	"strings"
)

// suggest names the nearest of the known names, or lists them.
func suggest(given string, known []string) string {
	const tooFar, longest = 3, 100 // the distance of long names takes long to compute
	best, nearest := "", tooFar
	for _, k := range known {
		if max(len(given), len(k)) > longest {
			continue
		}
		if d := distance(given, k); d < nearest {
			best, nearest = k, d
		}
	}
	if best != "" && nearest < len(given) {
		return fmt.Sprintf(" Did you mean %q?", best)
	}
	return available(known)
}

func available(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return fmt.Sprintf(" Available: %s.", strings.Join(known, ", "))
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
