package addr_test

import (
	"testing"

	"ablate/hcl/addr"
)

func TestSameNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"0.001", "1e-3", true}, {"2.1", "2.10", true}, {"1e5", "100000", true}, {"124000000", "1.24e8", true}, {"0", "-0.0", true},
		{"9007199254740992", "9007199254740993", false}, {"12e5", "12", false}, {"inf", "inf", false}, {"0x10", "16", false}, {"", "", false},
	} {
		if got := addr.SameNumber(c.a, c.b); got != c.want {
			t.Errorf("SameNumber(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestPlainLevels(t *testing.T) {
	ref := addr.Level{Kind: "ref", Ref: addr.Instance{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "paper"}}}
	for _, c := range []struct {
		level addr.Level
		want  string
	}{
		{ref, "derf.paper"}, {addr.Level{Kind: "string", Text: `a,"b"`}, `a,"b"`}, {addr.Level{Kind: "number", Text: "1e-7"}, "1e-7"}, {addr.Level{Kind: "string"}, ""},
	} {
		if got := c.level.Plain(); got != c.want {
			t.Errorf("%v.Plain() = %q, want %q", c.level, got, c.want)
		}
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
