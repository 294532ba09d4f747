package render

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// decimals prints a number with four.
func decimals(v float64) string { return typeset("%.4f", v) }

// signed prints a number with its sign.
func signed(v *float64) string {
	if v == nil {
		return ""
	}
	return typeset("%+.4f", *v)
}

// between prints an interval; "" without one.
func between(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	return "[" + signed(low) + ", " + signed(high) + "]"
}

// typeset prints a number with a true minus sign. What rounds to zero has no
// sign.
func typeset(format string, v float64) string {
	s := fmt.Sprintf(format, v)
	if !strings.ContainsAny(s, "123456789") && !math.IsInf(v, 0) && !math.IsNaN(v) {
		s = fmt.Sprintf(format, 0.0)
	}
	return strings.Replace(s, "-", "−", 1)
}

// probability prints a p-value.
func probability(p *float64) string {
	switch {
	case p == nil:
		return ""
	case *p < 1e-4:
		return "< 0.0001"
	}
	return fmt.Sprintf("%.4f", *p)
}

// Exact prints the shortest text that reads back as the same number; "" for a
// missing one.
func Exact(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return ""
	}
	return shortest(*v)
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// percent is a confidence as people write it.
func percent(confidence float64) string {
	return strconv.FormatFloat(100*confidence, 'g', 4, 64) + " %"
}

// measure names a response by where it was read.
func measure(response, at string) string {
	switch at {
	case "final":
		return response + " at the last step"
	case "best":
		return "the lowest " + response
	}
	return response + " at step " + at
}
