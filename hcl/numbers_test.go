package hcl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl"
)

// Where text is expected in a list or a label, numbers and bools become the text
// that addresses show.
func TestNumbersAsText(t *testing.T) {
	for _, level := range []string{"0.0003", "3e-4", "1e-7", "0.1", "42", "1e30", "9223372036854775807", "-2.50", "true", "1/3", `"a b"`} {
		study := mustLoad(t, header+`
data "text" "a" {
  for_each = [`+level+`]
  label    = "${each.value}"
  source   = ["--x", each.value]
}
`)
		inst := study.Instances[1]
		if inst.Address.Stage.Name != "a" {
			inst = study.Instances[0]
		}
		if got := inst.Spec.(*text).Source[1]; got != inst.Address.Key {
			t.Errorf("%s becomes %q in a list of strings and %q in the address", level, got, inst.Address.Key)
		}
		if inst.Label != inst.Address.Key {
			t.Errorf("%s becomes %q in a label and %q in the address", level, inst.Label, inst.Address.Key)
		}
	}
}

func TestNumbersOutOfRange(t *testing.T) {
	seeds := func(list string) string {
		return header + "train \"lm\" \"main\" {" + trainBody + "\n  norm = norm.rmsnorm.base\n  optimizer = optimizer.adamw.base\n  matrix {\n    seed = " + list + "\n  }\n}\n"
	}
	for list, want := range map[string]string{
		"[18446744073709551615]":                      "18446744073709551615",
		"[9223372036854775808]":                       "9223372036854775808",
		"[-9223372036854775809]":                      "-9223372036854775809",
		"[1/0]":                                       "study.hcl:45,13: Error: Number out of range\n    Factor seed: the level +Inf is infinite. Look for a divisor that is 0.",
		"[10000000000000000000]":                      "between -2^63 and 2^63 - 1",
		"[9223372036854775807, -9223372036854775808]": "",
	} {
		_, diags := load(t, map[string]string{"study.hcl": seeds(list)})
		if text := render(diags); diags.HasErrors() != (want != "") || !strings.Contains(text, want) {
			t.Errorf("%s: Load reports %q, want %q", list, text, want)
		}
	}
	_, diags := load(t, map[string]string{"study.hcl": "study \"a\" {\n  seed = 18446744073709551615\n}\n"})
	if text := render(diags); !strings.Contains(text, "must be between -2^63 and 2^63 - 1, not 18446744073709551615") {
		t.Errorf("Load reports %q", text)
	}
	_, diags = load(t, map[string]string{"study.hcl": "data \"text\" \"a\" {\n  source = [18446744073709551615]\n}\n"})
	if text := render(diags); !strings.Contains(text, "source[0]: the number 18446744073709551615 is not between") {
		t.Errorf("Load reports %q", text)
	}
	for file, want := range map[string]string{
		"data \"text\" \"a\" {\n  source = []\n  for_each = [18446744073709551615, 18446744073709551614]\n}\n": "for_each: the number 18446744073709551615 is not between",
		"analysis \"factorial\" \"a\" {\n  baseline = { x = 18446744073709551615 }\n}\n":                       "baseline.x: the number 18446744073709551615 is not between",
	} {
		_, diags = load(t, map[string]string{"study.hcl": file})
		if text := render(diags); !strings.Contains(text, want) {
			t.Errorf("%s: Load reports %q, want %q", file, text, want)
		}
	}
}

// Words that other formats read as something else are ordinary levels.
func TestSpecialWords(t *testing.T) {
	study := mustLoad(t, header+"train \"lm\" \"main\" {"+trainBody+`
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  evaluate {
    every = matrix.row == matrix.type ? 1 : 2
  }
  matrix {
    row  = ["inf", "nan", "null", "", "true", "1e5", "100000"]
    type = ["row"]
    seed = [1]
  }
}
`)
	want := []string{"inf", "nan", "null", `""`, "true", "1e5", "100000"}
	for i, w := range want {
		want[i] = "row=" + w + ",seed=1,type=row"
	}
	if diff := cmp.Diff(want, keys(study, "train.lm.main")); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// HCL converts text to Unicode normal form C, with a warning.
func TestNormalForm(t *testing.T) {
	const decomposed = "e\u0301"
	label := "norm \"rmsnorm\" \"a\" {\n  # " + decomposed + "\n  label = \"x\"\n}\n"
	variable := "variable \"x\" {\n  type = string\n}\n"
	for name, c := range map[string]struct {
		files map[string]string
		vars  []hcl.Var
		want  string
	}{
		"in a comment":              {map[string]string{"study.hcl": label}, nil, ""},
		"in a label":                {map[string]string{"study.hcl": strings.Replace(label, `"x"`, `"`+decomposed+`"`, 1)}, nil, "study.hcl:3,12: Warning: Text is normalized"},
		"in a file":                 {map[string]string{"study.hcl": strings.Replace(label, `"x"`, `file("t")`, 1), "t": decomposed}, nil, "study.hcl:3,11: Warning: Text is normalized\n    file t: "},
		"in JSON":                   {map[string]string{"study.hcl.json": `{"locals": {"a": "` + decomposed + `"}}`}, nil, "study.hcl.json:1,1: Warning: Text is normalized"},
		"on the command line":       {map[string]string{"study.hcl": variable}, []hcl.Var{{Name: "x", Value: decomposed}}, "Warning: Text is normalized\n    --var x: "},
		"in a variables file":       {map[string]string{"study.hcl": variable, "study.hclvars": `x = "` + decomposed + `"`}, nil, "study.hclvars:1,6: Warning: Text is normalized"},
		"in normal form from\u0301": {map[string]string{"study.hcl": strings.Replace(label, `"x"`, `"é"`, 1)}, nil, ""},
	} {
		_, diags := load(t, c.files, c.vars...)
		if text := render(diags); !strings.HasPrefix(text, c.want) || diags.HasErrors() || c.want == "" && text != "" {
			t.Errorf("%s: Load reports %q, want %q", name, text, c.want)
		}
	}
}
