// Package numeral writes numbers for people: with the digits that their uncertainty
// justifies, and with the sign that typographers use.
package numeral

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// minus is the typographer's sign.
const minus = "−"

// mostDecimals is the number of decimals above which numbers are written with an
// exponent.
const mostDecimals = 9

// Significant prints a number with so many significant digits.
func Significant(v float64, digits int) string {
	if v == 0 {
		return "0"
	}
	if size := roundedMagnitude(v, digits); size >= 7 || digits-1-size > mostDecimals {
		return scientific(v, digits-1, false)
	} else {
		return Fixed(v, max(0, digits-1-size), false)
	}
}

// magnitude is the power of ten of the first digit.
func magnitude(v float64) int { return int(math.Floor(math.Log10(math.Abs(v)))) }

// roundedMagnitude is the magnitude of a number that is rounded to so many digits: 0.0099999999 and
// 0.01 are printed alike.
func roundedMagnitude(v float64, digits int) int {
	_, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', digits-1, 64), "e")
	size, _ := strconv.Atoi(exponent)
	return size
}

// Plain prints a number whose uncertainty is unknown.
func Plain(v float64) string { return Significant(v, 5) }

// precision is how many decimals a number needs: two significant digits of its
// uncertainty, and less than 0 if these are before the point. ok is false if the uncertainty is
// unknown or nothing.
func precision(uncertainty *float64) (decimals int, ok bool) {
	if uncertainty == nil || !(*uncertainty > 0) || math.IsInf(*uncertainty, 0) {
		return 0, false
	}
	return 1 - magnitude(*uncertainty), true
}

// exponential reports whether numbers with so many decimals are written with an exponent.
func exponential(decimals int, values ...float64) bool {
	const most, mostZeros = 15, 5 // digits before the point, and how many of them are rounded
	return decimals > mostDecimals || decimals < -mostZeros || slices.ContainsFunc(values, func(v float64) bool { return v != 0 && magnitude(v) >= most })
}

// WithError prints a number and its uncertainty, as in 3.883 ± 0.012.
func WithError(v float64, uncertainty *float64) string {
	d, ok := precision(uncertainty)
	switch {
	case uncertainty == nil:
		return Plain(v)
	case !ok:
		return Plain(v) + " ± 0"
	case exponential(d, v):
		return withExponent(v, d, false) + " ± " + scientific(*uncertainty, 1, false)
	}
	return Fixed(v, d, false) + " ± " + Fixed(*uncertainty, d, false)
}

// Signed prints a difference with its sign, and the digits that half the width of
// its interval asks for.
func Signed(v, half *float64) string {
	if v == nil {
		return ""
	}
	d, ok := precision(half)
	switch {
	case *v == 0 && !ok:
		return "0"
	case !ok:
		return plus(Plain(*v), *v)
	case exponential(d, *v):
		return withExponent(*v, d, true)
	}
	return Fixed(*v, d, true)
}

// withExponent prints a number with an exponent, rounded to so many decimals.
func withExponent(v float64, decimals int, sign bool) string {
	size := -decimals
	if v != 0 {
		size = magnitude(v)
	}
	return scientific(v, max(1, size+decimals), sign)
}

func plus(text string, v float64) string {
	if v > 0 {
		return "+" + text
	}
	return text
}

// Half is half the width of an interval; nil if there is none.
func Half(low, high *float64) *float64 {
	if low == nil || high == nil {
		return nil
	}
	h := (*high - *low) / 2
	return &h
}

// Between prints an interval with the digits that half its width asks for; "" if
// there is none. Whether it includes 0 or one of the limits can be read: a bound keeps its sign,
// and gets more digits if it would be rounded to one of them or beyond.
func Between(low, high *float64, limits ...float64) string {
	if low == nil || high == nil {
		return ""
	}
	half := (*high - *low) / 2
	d, ok := precision(&half)
	switch {
	case !ok:
		return "[" + plus(Plain(*low), *low) + ", " + plus(Plain(*high), *high) + "]"
	case exponential(d, *low, *high):
		return "[" + withExponent(*low, d, true) + ", " + withExponent(*high, d, true) + "]"
	}
	limits = append([]float64{0}, limits...)
	return "[" + bound(*low, d, limits) + ", " + bound(*high, d, limits) + "]"
}

// Range prints the smallest and the largest of some estimates, which are no interval.
func Range(low, high *float64) string {
	between := Between(low, high)
	return strings.Replace(strings.Trim(between, "[]"), ", ", " to ", 1)
}

// bound prints one end of an interval.
func bound(v float64, decimals int, limits []float64) string {
	sign := "+"
	if v < 0 {
		sign = minus
	}
	return sign + Fixed(math.Abs(v), telling(v, max(0, decimals), limits), false)
}

// telling is how many decimals, from so many on, leave a number on its side of all limits. If four
// more do not, it may be rounded to a limit, but not beyond.
func telling(v float64, decimals int, limits []float64) int {
	const extra = 4
	keeps := func(d, most int) bool {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'f', d, 64), 64)
		return v == rounded || !slices.ContainsFunc(limits, func(l float64) bool {
			moved := cmp.Compare(rounded, l) - cmp.Compare(v, l)
			return max(moved, -moved) > most
		})
	}
	for most := range 2 { // 1 is to a limit, 2 is beyond
		for d := decimals; d <= decimals+extra; d++ {
			if keeps(d, most) {
				return d
			}
		}
	}
	return decimals + extra
}

// Fixed prints a number with so many decimals, none if there are less than 0. What rounds to
// zero has the sign of zero.
func Fixed(v float64, decimals int, sign bool) string {
	s := strconv.FormatFloat(v, 'f', max(0, decimals), 64)
	if !strings.ContainsAny(s, "123456789") {
		s = strings.TrimPrefix(s, "-")
	}
	if sign && !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	return strings.Replace(s, "-", minus, 1)
}

// scientific prints a number with an exponent.
func scientific(v float64, decimals int, sign bool) string {
	s := strconv.FormatFloat(v, 'e', decimals, 64)
	if sign && !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	return strings.ReplaceAll(s, "-", minus)
}

// Probability prints a p-value. One that would be rounded to a usual level of significance has
// more digits, so that its side can be read.
func Probability(p *float64) string {
	switch {
	case p == nil:
		return ""
	case *p < 1e-4:
		return "< 0.0001"
	}
	digits := telling(*p, 4, []float64{0.1, 0.05, 0.01, 0.005, 0.001})
	return Fixed(*p, digits, false)
}

// Exact prints the shortest text that reads back as the same number; "" for a
// missing one.
func Exact(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return ""
	}
	return Shortest(*v)
}

// Shortest prints the shortest text that reads back as the same number.
func Shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Share prints a number as a percentage.
func Share(v *float64) string {
	if v == nil {
		return ""
	}
	return Fixed(100**v, shareDecimals, false) + " %"
}

// Shares prints an interval of percentages; "" if there is none. Whether it includes 0 can
// always be read.
func Shares(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	percent := func(v float64) string {
		return strings.TrimPrefix(bound(100*v, shareDecimals, []float64{0}), "+") + " %"
	}
	return "[" + percent(*low) + ", " + percent(*high) + "]"
}

const shareDecimals = 1

// Prefixed writes a large number with three digits and a prefix of its unit, which
// space separates.
func Prefixed(v float64, space string) string {
	for _, unit := range []struct {
		size   float64
		prefix string
	}{{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.size {
			return fmt.Sprintf("%.3g%s%s", v/unit.size, space, unit.prefix)
		}
	}
	return fmt.Sprintf("%.3g", v)
}

// Count prints degrees of freedom, which may have a fraction.
func Count(v float64) string {
	if v == math.Trunc(v) || v >= 1e4 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Percent is a confidence as people write it.
func Percent(confidence float64) string {
	text := strconv.FormatFloat(100*confidence, 'g', 4, 64)
	for digits := 5; text == "100" && confidence < 1 && digits < 17; digits++ { // 99.999 % is not 100 %
		text = strconv.FormatFloat(100*confidence, 'g', digits, 64)
	}
	return text + " %"
}

// Things writes a number of things: "1 cell", "2 cells".
func Things(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
