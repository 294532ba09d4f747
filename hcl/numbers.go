package hcl

import (
	"math"
	"math/big"
	"strconv"

	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/diag"
)

// numberText is the shortest text that reads back as the same number.
func numberText(v cty.Value) string {
	f := v.AsBigFloat()
	if i, acc := f.Int64(); acc == big.Exact {
		return strconv.FormatInt(i, 10)
	}
	x, _ := f.Float64()
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// isExact reports whether the text of a number is the number. The text of a
// fraction is rounded, since computed fractions such as 1/3 have no exact text;
// an integer that is rounded is another seed.
func isExact(v cty.Value) bool {
	f := v.AsBigFloat()
	if f.IsInf() {
		return false
	}
	if !f.IsInt() {
		return true
	}
	if _, accuracy := f.Int64(); accuracy == big.Exact {
		return true
	}
	x, _ := f.Float64()
	if math.IsInf(x, 0) {
		return false
	}
	text, ok := new(big.Rat).SetString(numberText(v))
	exact, _ := f.Rat(nil)
	return ok && text.Cmp(exact) == 0
}

// rounded says why a level or text would be another number than the value, or
// returns "".
func rounded(v cty.Value) string {
	if v.IsNull() || v.Type() != cty.Number || isExact(v) {
		return ""
	}
	if v.AsBigFloat().IsInf() {
		return numberText(v) + " is infinite. Look for a divisor that is 0."
	}
	return digits(v) + " is not between -2^63 and 2^63 - 1 and would be rounded. Choose another number, or write it as a string."
}

// digits writes a number in full if it is not too long.
func digits(v cty.Value) string {
	f := v.AsBigFloat()
	if f.MantExp(nil) > 256 {
		return f.Text('g', 10)
	}
	return f.Text('f', -1)
}

func (d *decoder) integer(val cty.Value, name string, at *diag.Range) (int64, bool) {
	f := val.AsBigFloat()
	i, accuracy := f.Int64()
	switch {
	case accuracy == big.Exact:
		return i, true
	case f.IsInt():
		d.fail(at, "Number out of range", "%s must be between -2^63 and 2^63 - 1, not %s.", name, digits(val))
	default:
		d.fail(at, "Not a whole number", "%s must be a whole number, not %s.", name, numberText(val))
	}
	return 0, false
}

// float refuses a number that becomes infinite or 0 when it is rounded to the 32
// bits that stages compute with.
func (d *decoder) float(val cty.Value, name string, at *diag.Range) (float64, bool) {
	x, _ := val.AsBigFloat().Float64()
	switch single := float64(float32(x)); {
	case val.AsBigFloat().IsInf():
		d.fail(at, "Number out of range", "%s is infinite. Look for a divisor that is 0.", name)
	case math.IsInf(single, 0):
		d.fail(at, "Number out of range", "%s is too large. The largest number is %.2g.", name, math.MaxFloat32)
	case single == 0 && val.AsBigFloat().Sign() != 0:
		d.fail(at, "Number out of range", "%s is too close to 0. The smallest positive number is %.2g.", name, math.SmallestNonzeroFloat32)
	default:
		return x + 0, true // -0 becomes 0
	}
	return 0, false
}
