package addr_test

import (
	"strings"
	"testing"

	"ablate/hcl/addr"
)

func text(s string) addr.Level   { return addr.Level{Kind: "string", Text: s} }
func number(s string) addr.Level { return addr.Level{Kind: "number", Text: s} }

func TestFindLevel(t *testing.T) {
	ref := addr.Level{Kind: "ref", Ref: addr.Instance{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "paper"}}}
	for _, c := range []struct {
		name   string
		levels []addr.Level
		want   addr.Level
		index  int
	}{
		{"the same text comes first", []addr.Level{text("2.1"), text("2.10")}, text("2.10"), 1},
		{"a number finds its text", []addr.Level{text("1e5"), text("100000")}, number("100000"), 1},
		{"a number finds an equal one", []addr.Level{text("a"), text("1e-3")}, number("0.001"), 1},
		{"no digit is rounded", []addr.Level{text("9007199254740992"), text("9007199254740993.0")}, number("9007199254740993"), 1},
		{"a number of nine digits", []addr.Level{text("124000000")}, number("1.24e8"), 0},
		{"a reference finds its short form", []addr.Level{text("derf.paper")}, ref, 0},
		{"words are compared as words", []addr.Level{text("inf"), text("nan")}, text("Infinity"), -1},
		{"an empty text", []addr.Level{text("x"), text("")}, text(""), 1},
		{"none", []addr.Level{text("12e5"), text("0x10")}, number("16"), -1},
	} {
		if got, err := addr.FindLevel(c.levels, c.want); err != nil || got != c.index {
			t.Errorf("%s: FindLevel(%v, %v) = %d, %v, want %d", c.name, c.levels, c.want, got, err, c.index)
		}
	}
	_, err := addr.FindLevel([]addr.Level{text("0.10"), text("0.100")}, number("0.1"))
	if err == nil || !strings.Contains(err.Error(), "0.10") || !strings.Contains(err.Error(), "0.100") {
		t.Errorf("an ambiguous reference gives %v, want both levels named", err)
	}
}

func TestCanonicalNumber(t *testing.T) {
	for in, want := range map[string]string{
		"0.50": "0.5", ".5": "0.5", "+1E+2": "100", "-0": "0", "000": "0", "1e-7": "1e-7", "0.00001": "0.00001", "1.50e-10": "1.5e-10",
		"9007199254740993": "9007199254740993", "18446744073709551615": "18446744073709551615", "1e300": "1e300", "-2.50": "-2.5",
	} {
		if got, ok := addr.CanonicalNumber(in); !ok || got != want {
			t.Errorf("CanonicalNumber(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"", ".", "-", "e5", "1e", "1e9999999999999999", "0x1", "1_000", "inf", "NaN", "1 ", "1.2.3", "--1"} {
		if got, ok := addr.CanonicalNumber(in); ok {
			t.Errorf("CanonicalNumber(%q) = %q, want none", in, got)
		}
	}
}

func FuzzCanonicalNumber(f *testing.F) {
	for _, s := range []string{"0.1", "-12e5", "1e-300", "0012.300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		canonical, ok := addr.CanonicalNumber(s)
		if !ok || len(canonical) > 1000 {
			return
		}
		if again, ok := addr.CanonicalNumber(canonical); !ok || again != canonical || !addr.SameNumber(s, canonical) {
			t.Errorf("CanonicalNumber(%q) = %q, which reads as %q, %v", s, canonical, again, ok)
		}
	})
}
