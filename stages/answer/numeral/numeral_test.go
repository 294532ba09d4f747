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

// On which side of 0, of a margin and of a level of significance a number is can be read.
func TestSides(t *testing.T) {
	between := func(low, high float64, limits ...float64) string { return numeral.Between(&low, &high, limits...) }
	probability := func(p float64) string { return numeral.Probability(&p) }
	shares := func(low, high float64) string { return numeral.Shares(&low, &high) }
	for _, tt := range [][2]string{
		{between(-0.00996, 0.004, -0.01, 0.01), "[−0.00996, +0.0040]"},
		{between(-0.01, 0.010004, -0.01, 0.01), "[−0.010, +0.010004]"},
		{between(-0.1, 0.1475, -0.148, 0.148), "[−0.10, +0.147]"},
		{between(-0.2, 0.0345, -0.034, 0.034), "[−0.20, +0.035]"},
		{between(-0.2, 0.147999999, -0.148, 0.148), "[−0.20, +0.148]"},
		{between(0.0004, 0.3), "[+0.0004, +0.30]"},
		{between(-1e-12, 0.3), "[−0.00, +0.30]"},
		{between(0, 0.3), "[+0.00, +0.30]"},
		{probability(0.04996), "0.04996"},
		{probability(0.0500004), "0.0500004"},
		{probability(0.05), "0.0500"},
		{probability(0.66), "0.6600"},
		{shares(0.0003, 0.3), "[0.03 %, 30.0 %]"},
		{shares(-0.0003, 1.2), "[−0.03 %, 120.0 %]"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %s, want %s", tt[0], tt[1])
		}
	}
}

// Large numbers do not show digits that are noise.
func TestLargeNumbers(t *testing.T) {
	v, uncertainty := 1.10493e140, 2.77e138
	low, high := v-uncertainty, v+uncertainty
	for _, tt := range [][2]string{
		{numeral.WithError(v, &uncertainty), "1.105e+140 ± 2.8e+138"},
		{numeral.Signed(&v, &uncertainty), "+1.105e+140"},
		{numeral.Between(&low, &high), "[+1.077e+140, +1.133e+140]"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %s, want %s", tt[0], tt[1])
		}
	}
	v, uncertainty = 123456, 789
	if got := numeral.WithError(v, &uncertainty); got != "123456 ± 789" {
		t.Errorf("got %s", got)
	}
}

// Numbers that round to the same digits are written alike.
func TestPlainOfRoundedPowers(t *testing.T) {
	for v, want := range map[float64]string{0.01: "0.010000", 0.01 - 1e-18: "0.010000", 0.0099999999: "0.010000", 0.0099999: "0.0099999", 9999999.9: "1.0000e+07", 0: "0"} {
		if got := numeral.Plain(v); got != want {
			t.Errorf("Plain(%v) = %s, want %s", v, got, want)
		}
	}
}
