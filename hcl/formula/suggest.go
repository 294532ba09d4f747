package formula

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"ablate/hcl/nearest"
)

// suggest names the nearest of the known names, or lists them.
func suggest(given string, known []string) string {
	if minus := nearest.Minus(given, known, known); minus != "" {
		return minus
	}
	best, distance := nearest.Name(given, known, 3)
	if best != "" && distance < utf8.RuneCountInString(given) {
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
