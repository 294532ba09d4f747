package view

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"ablate/stages/answer/numeral"
)

// Count writes a number with its noun: "1 trial", "2 trials".
func Count(n int, noun string) string { return Counted(n, noun, noun+"s") }

func entries(n int) string { return Counted(n, "entry", "entries") }

// Counted writes a number with one of two phrases: "1 entry", "2 entries".
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// quantity writes a large number with three digits and a prefix.
func quantity(v float64) string { return numeral.Prefixed(v, "") }

// Size writes bytes in binary units.
func Size(n int64) string {
	const step = 1024
	v, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < step {
			break
		}
		v, unit = v/step, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// Duration writes a span of time.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
}

// Seconds writes a span of time that is given in seconds.
func Seconds(s float64) string { return Duration(time.Duration(s * float64(time.Second))) }

// number writes a number with about six digits.
func number(v float64) string {
	const digits = 7
	if v != 0 && math.Abs(v) < 1e-4 {
		return strconv.FormatFloat(v, 'e', 3, 64)
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}
