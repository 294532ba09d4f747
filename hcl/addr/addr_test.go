package addr_test

import (
	"testing"

	"ablate/hcl/addr"
)

func trial(factors ...*addr.Factor) addr.Instance {
	return addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "main"}, Key: addr.Key(factors)}
}

func TestParse(t *testing.T) {
	ref := addr.Level{Kind: "ref", Ref: addr.Instance{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "a"}, Key: "x,y=z"}}
	for _, in := range []addr.Instance{
		{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "paper"}},
		{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "alpha"}, Key: "0.1"},
		trial(&addr.Factor{Name: "seed", Level: addr.Level{Kind: "number", Text: "42"}}),
		trial(&addr.Factor{Name: "norm", Level: ref}, &addr.Factor{Name: "word", Level: addr.Level{Kind: "string", Text: `a "b", c=d\`}}),
	} {
		back, err := addr.Parse(in.String())
		if err != nil || back != in {
			t.Errorf("Parse(%s) = %v, %v", in, back, err)
		}
	}
	for _, bad := range []string{"", "norm", "norm.derf", "norm.derf.a.b", "norm..a", `train.lm.main["x"`, `train.lm.main[""]`} {
		if got, err := addr.Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", bad, got)
		}
	}
}

func TestAmbiguousLevels(t *testing.T) {
	text := func(s string) addr.Level { return addr.Level{Kind: "string", Text: s} }
	a := trial(&addr.Factor{Name: "a", Level: text("x,b=y")})
	b := trial(&addr.Factor{Name: "a", Level: text("x")}, &addr.Factor{Name: "b", Level: text("y")})
	if a.Key == b.Key {
		t.Errorf("two different cells share the key %s", a.Key)
	}
	names, levels, ok := addr.ParseKey(a.Key)
	if !ok || len(names) != 1 || levels[0] != `"x,b=y"` {
		t.Errorf("ParseKey(%s) = %v, %v, %v", a.Key, names, levels, ok)
	}
}

func TestPatterns(t *testing.T) {
	in := trial(
		&addr.Factor{Name: "norm", Level: addr.Level{Kind: "ref", Ref: addr.Instance{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "paper"}}}},
		&addr.Factor{Name: "seed", Level: addr.Level{Kind: "number", Text: "42"}})
	for pattern, want := range map[string]bool{
		"train": true, "train.*": true, "train.lm.main": true, "*.lm": true, "data.*": false, "train.lm.other": false,
		"norm=derf.*": true, "norm=*,seed=42": true, "norm=*f*.*a*r": true, "norm=*f*x*": false, "norm=derf.paper*paper": false, "seed=4": false, "seed=4*": true, "optimizer=*": false,
		`train.lm.main["norm=derf.paper,seed=42"]`: true, `train.lm.main["norm=derf.paper,seed=43"]`: false,
	} {
		p, err := addr.ParsePattern(pattern)
		if err != nil {
			t.Errorf("ParsePattern(%s): %v", pattern, err)
			continue
		}
		if got := p.Match(in); got != want {
			t.Errorf("%s matches %s: %v, want %v", pattern, in, got, want)
		}
	}
	for _, bad := range []string{"", "a.b.c.d", "a..c"} {
		if _, err := addr.ParsePattern(bad); err == nil {
			t.Errorf("ParsePattern(%q) gives no error", bad)
		}
	}
}
