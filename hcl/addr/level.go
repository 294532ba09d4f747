package addr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FindLevel returns the index of the level that a reference names: the one with
// the same text, else the only one that is numerically equal. It returns -1 when
// there is none, and an error that names both when two are equal.
func FindLevel(levels []Level, want Level) (int, error) {
	if i := slices.Index(levels, want); i >= 0 {
		return i, nil
	}
	text := want.Plain()
	if i := slices.IndexFunc(levels, func(l Level) bool { return l.Plain() == text }); i >= 0 {
		return i, nil
	}
	found := -1
	for i, l := range levels {
		if l.Kind == "ref" || want.Kind == "ref" || !SameNumber(l.Text, want.Text) {
			continue
		}
		if found >= 0 && levels[found] != l {
			return -1, fmt.Errorf("%s is numerically equal to both %s and %s: write the level exactly as one of them", want, levels[found], l)
		}
		found = i
	}
	return found, nil
}

// Plain is the level as a table holds it: a string without quotes, a number or a
// bool as it is written, a reference by its short form.
func (l Level) Plain() string {
	if l.Kind == "ref" {
		return l.String()
	}
	return l.Text
}

// SameNumber reports whether two texts are decimal numbers of the same exact
// value, as 0.001 and 1e-3. No digit is lost to rounding.
func SameNumber(a, b string) bool {
	x, ok := parseDecimal(a)
	if !ok {
		return false
	}
	y, ok := parseDecimal(b)
	return ok && x == y
}

// CanonicalNumber writes a decimal number so that equal numbers have one text:
// plain digits for numbers of ordinary size, else with an exponent. ok is false
// for a text that is not a decimal number.
func CanonicalNumber(text string) (canonical string, ok bool) {
	d, ok := parseDecimal(text)
	if !ok {
		return "", false
	}
	return d.String(), true
}

// decimal is ±0.digits × 10^exponent. The digits neither begin nor end with
// zero, so that equal numbers are equal structs; zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// parseDecimal reads an optional sign, digits with at most one point, and an
// optional exponent.
func parseDecimal(text string) (d decimal, ok bool) {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		const bound = 1 << 40 // far from an overflow when the digits are counted in
		if err != nil || n > bound || n < -bound {
			return decimal{}, false
		}
		mantissa, exponent = text[:i], n
	}
	if s, minus := strings.CutPrefix(mantissa, "-"); minus {
		mantissa, d.negative = s, true
	} else {
		mantissa = strings.TrimPrefix(mantissa, "+")
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return decimal{}, false
	}
	significant := strings.TrimLeft(digits, "0")
	d.exponent = exponent + len(whole) - (len(digits) - len(significant))
	d.digits = strings.TrimRight(significant, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

// String is the canonical text.
func (d decimal) String() string {
	const longest = 21 // digits in front of the point, and zeros behind it
	sign := ""
	if d.negative {
		sign = "-"
	}
	n := len(d.digits)
	switch {
	case n == 0:
		return "0"
	case d.exponent > longest || d.exponent < -5:
		mantissa := d.digits[:1]
		if n > 1 {
			mantissa += "." + d.digits[1:]
		}
		return fmt.Sprintf("%s%se%d", sign, mantissa, d.exponent-1)
	case d.exponent <= 0:
		return sign + "0." + strings.Repeat("0", -d.exponent) + d.digits
	case d.exponent >= n:
		return sign + d.digits + strings.Repeat("0", d.exponent-n)
	}
	return sign + d.digits[:d.exponent] + "." + d.digits[d.exponent:]
}
