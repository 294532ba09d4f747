package selector_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ablate/cmd/ablate/internal/selector"
	"ablate/hcl/addr"
)

func stage(block, typ, name string) addr.Stage {
	return addr.Stage{Block: block, Type: typ, Name: name}
}

func number(text string) addr.Level { return addr.Level{Kind: "number", Text: text} }

func word(text string) addr.Level { return addr.Level{Kind: "string", Text: text} }

func ref(a addr.Instance) addr.Level { return addr.Level{Kind: "ref", Ref: a} }

var (
	base  = addr.Instance{Stage: stage("norm", "rmsnorm", "base")}
	derf  = addr.Instance{Stage: stage("norm", "derf", "alpha"), Key: "0.1"}
	derf3 = addr.Instance{Stage: stage("norm", "derf", "alpha"), Key: "0.3"}
)

// study is two trials of each norm and rate, three norms and an analysis.
func study() []selector.Candidate {
	out := []selector.Candidate{
		{Address: base, Label: "RMSNorm"}, {Address: derf, Label: "Derf α=0.1"}, {Address: derf3, Label: "Derf α=0.3"},
		{Address: addr.Instance{Stage: stage("analysis", "factorial", "effects")}, Label: "factorial.effects"},
	}
	labels := map[addr.Instance]string{base: "RMSNorm", derf: "Derf α=0.1", derf3: "Derf α=0.3"}
	for _, norm := range []addr.Instance{base, derf, derf3} {
		for _, rate := range []addr.Level{number("0.1"), number("1e-3")} {
			for _, rule := range []addr.Level{word("fast"), word("a, b")} {
				factors := []*addr.Factor{
					{Name: "norm", Level: ref(norm), Label: labels[norm]}, {Name: "rate", Level: rate, Label: rate.Text}, {Name: "rule", Level: rule, Label: rule.Text},
				}
				out = append(out, selector.Candidate{Address: addr.Instance{Stage: stage("train", "lm", "main"), Key: addr.Key(factors)}, Label: "lm.main", Factors: factors})
			}
		}
	}
	return out
}

func TestSelect(t *testing.T) {
	for text, want := range map[string]int{
		// addresses and patterns
		`norm.derf.alpha["0.1"]`: 1, "norm.derf.alpha[0.1]": 1, "norm.derf.alpha": 2, "norm.derf.*": 2, "norm": 3, "*.derf": 2, "train.lm.main": 12,
		`train.lm.main["norm=derf.alpha:0.1,rate=0.1,rule=fast"]`:     1,
		`train.lm.main["norm=derf.alpha:0.1,rate=0.1,rule=\"a, b\""]`: 1,
		`train.lm.main["rule=fast,rate=0.1,norm=derf.alpha:0.1"]`:     1, // any order
		`train.lm.main[norm=rmsnorm.base,rate=0.001,rule=fast]`:       1, // an equal number
		`main[rule=fast]`: 6,
		// names and labels
		"main": 12, "effects": 1, "alpha": 2, "derf.alpha": 2, "derf.alpha:0.3": 1, "rmsnorm.base": 1, "derf.*": 2, "eff*": 1,
		"RMSNorm": 1, "Derf α=0.1": 1, "rmsnorm": 1, // any case
		// levels
		"rate=0.1": 6, "rate=1e-3": 6, "rate=0.0010": 6, "rate=0.*": 6, "rule=fast": 6, `rule="a, b"`: 6, "rule=a*": 6, `rule="*, b"`: 6, "norm=derf.*": 8,
		"norm=RMSNorm": 4, `norm="Derf α=0.3"`: 4, "norm=norm.rmsnorm.base": 4, "norm=norm.derf.*": 8, "norm=derf.*,rate=0.1,rule=fast": 2,
		`norm=norm.derf.alpha["0.1"]`: 4, `norm=norm.derf.alpha["0.1"],rule=fast`: 2, "rule=fast,norm=norm.derf.alpha[0.1]": 2,
		`main[norm=norm.derf.alpha["0.1"],rule=fast]`: 2,
		"norm=alpha:0.1": 4, "alpha:0.1": 1, `norm="Derf α=0.1 (0.1)"`: 4, `norm="RMSNorm (base)"`: 4, "norm=base": 4, "norm=derf": 8, "norm=derf.alpha:0.1": 4, "norm=*": 12,
	} {
		if got, err := selector.New("instance", study()).Select(text); err != nil || len(got) != want {
			t.Errorf("Select(%s) = %v, %v, want %d", text, got, err, want)
		}
	}
}

func TestMissesSuggest(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "empty",
		"mian":                  `the study has no instance "mian". Did you mean "main"?`,
		"norm.derf.alhpa":       `Did you mean "norm.derf.alpha"?`,
		"RMSNrm":                `Did you mean "RMSNorm"?`,
		"norm=derf.alpha:0.2":   `the factor norm has no level "derf.alpha:0.2". Did you mean "derf.alpha:0.1"?`,
		"nrom=derf.alpha:0.1":   `no factor is named "nrom". Did you mean "norm"?`,
		"rule=slow":             `the factor rule has no level "slow"; it has fast, "a, b"`,
		"train.lm.main[rate=9]": `the factor rate has no level "9"`,
		"norm.derf.alpha[0.2]":  "has no instance",
		"norm.derf.alpha[0.1":   "closing bracket",
		"rate=":                 "no level",
		"=":                     "factor",
		"norm=derf.*,rate":      "factor=level",
		"a.b.c.d":               `no instance "a.b.c.d"; it has norm.rmsnorm.base, norm.derf.alpha, analysis.factorial.effects, train.lm.main`,
		"analysis[norm=derf.*]": `no factor is named "norm"`,
	} {
		if got, err := selector.New("instance", study()).Select(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Select(%s) = %v, %v, want an error with %q", text, got, err, want)
		}
	}
}

// Two levels of one value must be written exactly.
func TestEqualNumbersAreAmbiguous(t *testing.T) {
	var all []selector.Candidate
	for _, text := range []string{"0.1", "0.10"} {
		f := []*addr.Factor{{Name: "x", Level: word(text)}}
		all = append(all, selector.Candidate{Address: addr.Instance{Stage: stage("train", "command", "a"), Key: addr.Key(f)}, Factors: f})
	}
	x := selector.New("trial", all)
	if got, err := x.Select("x=0.10"); err != nil || len(got) != 1 || got[0].Key != "x=0.10" {
		t.Errorf("Select(x=0.10) = %v, %v", got, err)
	}
	if got, err := x.Select("x=0.100"); err == nil || !strings.Contains(err.Error(), "0.10") {
		t.Errorf("Select(x=0.100) = %v, %v, want an error", got, err)
	}
}

func TestOne(t *testing.T) {
	x := selector.New("analysis", study()[3:4])
	if got, err := x.One("effects"); err != nil || got.String() != "analysis.factorial.effects" {
		t.Errorf("One(effects) = %v, %v", got, err)
	}
	_, err := selector.New("instance", study()).One("main")
	want := "\"main\" names 12 instances: choose one, for example\n\n    'train.lm.main["
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("One(main): %v, want %s", err, want)
	}
	quoted := addr.Instance{Stage: stage("train", "lm", "main"), Key: "opt=it's"}
	_, err = selector.New("trial", []selector.Candidate{{Address: quoted}, {Address: quoted}}).One("main")
	if want := `    'train.lm.main["opt=it'\''s"]'`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("One(main): %v, want %s, which a shell reads", err, want)
	}
}

// Every address, name and label selects its own candidate.
func TestEveryNameFindsItsCandidate(t *testing.T) {
	x := selector.New("instance", study())
	for _, c := range study() {
		for _, text := range []string{c.Address.String(), c.Address.Stage.String(), c.Address.Stage.Name, c.Label} {
			if got, err := x.Select(text); err != nil || !slices.Contains(got, c.Address) {
				t.Errorf("Select(%s) = %v, %v, lacks %s", text, got, err, c.Address)
			}
		}
		if got, err := x.One(c.Address.String()); err != nil || got != c.Address {
			t.Errorf("One(%s) = %v, %v", c.Address, got, err)
		}
	}
}

func TestComplete(t *testing.T) {
	x := selector.New("instance", study())
	for text, want := range map[string][]string{
		"ma":              {"main"},
		"norm.d":          {"norm.derf.alpha"},
		"ra":              {"rate="},
		"rate=":           {"rate=0.1", "rate=1e-3"},
		"norm=d":          {"norm=derf.alpha:0.1", "norm=derf.alpha:0.3"},
		"rate=0.1,ru":     {"rate=0.1,rule="},
		"main[rate=0.1,n": {"main[rate=0.1,norm="},
		"nothing":         nil,
	} {
		if diff := cmp.Diff(want, x.Complete(text), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Complete(%s) (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzSelect(f *testing.F) {
	for _, s := range []string{"main", "norm=derf.*", `a["`, "x[[", "*", "norm=\"", "a=b,c"} {
		f.Add(s)
	}
	x := selector.New("instance", study())
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := x.Select(text); (err == nil) != (len(got) > 0) {
			t.Errorf("Select(%q) = %v, %v", text, got, err)
		}
		x.Complete(text)
	})
}
