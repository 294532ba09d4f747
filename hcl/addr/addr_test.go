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

func TestMatches(t *testing.T) {
	in := addr.Stage{Block: "train", Type: "lm", Name: "main"}
	for pattern, want := range map[string]bool{
		"train": true, "train.*": true, "train.lm.main": true, "*.lm": true, "t*n.*.m*i*": true, "*": true,
		"data.*": false, "train.lm.other": false, "train.lm.main.x": false, "train..main": false, "": false, "train.": false, "train.lm.m*x*": false, "train.lm.main*main": false,
	} {
		if got := in.Matches(pattern); got != want {
			t.Errorf("%s matches %s: %v, want %v", in, pattern, got, want)
		}
	}
}
