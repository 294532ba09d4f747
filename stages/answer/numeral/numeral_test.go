package numeral_test

import (
	"testing"

	"ablate/stages/answer/numeral"
)

// No confidence below 1 is written as 100 %.
func TestPercent(t *testing.T) {
	for v, want := range map[float64]string{0.95: "95 %", 0.9: "90 %", 0.999: "99.9 %", 0.99999: "99.999 %", 0.9999999: "99.99999 %", 1: "100 %"} {
		if got := numeral.Percent(v); got != want {
			t.Errorf("Percent(%v) = %s, want %s", v, got, want)
		}
	}
}
