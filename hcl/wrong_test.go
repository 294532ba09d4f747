package hcl_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl"
)

var update = flag.Bool("update", false, "rewrite the expected messages")

// wrongStudy is one case of testdata/wrong.txt: a study and its diagnostics.
type wrongStudy struct{ name, text, want string }

func readWrong(t *testing.T) []wrongStudy {
	t.Helper()
	raw, err := os.ReadFile("testdata/wrong.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []wrongStudy
	for _, part := range strings.Split("\n"+strings.TrimSuffix(string(raw), "\n"), "\n=== ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		text, want, _ := strings.Cut(rest+"\n", "---\n")
		out = append(out, wrongStudy{name, text, want})
	}
	return out
}

func TestWrongStudies(t *testing.T) {
	cases := readWrong(t)
	if len(cases) < 60 {
		t.Errorf("testdata/wrong.txt holds %d studies, want at least 60", len(cases))
	}
	var b strings.Builder
	for _, tt := range cases {
		_, diags := load(t, map[string]string{"header.hcl": header, "study.hcl": tt.text})
		got := render(diags)
		b.WriteString("=== " + tt.name + "\n" + tt.text + "---\n" + got)
		if *update {
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: messages (-want +got):\n%s", tt.name, diff)
		}
		if len(diags) == 0 {
			t.Errorf("%s: no message", tt.name)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/wrong.txt", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrongVariables(t *testing.T) {
	const study = `
variable "rate" {
  type    = number
  default = 1
}
variable "any" {
  default = 1
}
`
	tests := []struct {
		name string
		vars []hcl.Var
		want string
	}{
		{"unknown --var", []hcl.Var{{Name: "rte", Value: "1"}}, `Unknown variable: --var rte: the study does not declare a variable "rte". Did you mean "rate"?`},
		{"--var of the wrong type", []hcl.Var{{Name: "rate", Value: "fast"}}, `--var rate: "fast" is not a value of type number. Use HCL syntax, for example --var 'rate=1e-3'.`},
		{"a key of --var twice", []hcl.Var{{Name: "any", Value: "{ a = 1, a = 2 }"}}, "Duplicate key: --var any: The object has the key a twice"},
		{"unknown key in a file", []hcl.Var{{File: "v.hclvars"}}, `Unknown variable: The study does not declare a variable "steps". Available: any, rate.`},
		{"missing file", []hcl.Var{{File: "no.hclvars"}}, "Unreadable variables file: Cannot read no.hclvars: no such file or directory"},
	}
	for _, tt := range tests {
		_, diags := load(t, map[string]string{"study.hcl": study, "v.hclvars": "steps = 3\n"}, tt.vars...)
		if err := diags.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Load = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(header + analysed)
	raw, err := os.ReadFile("testdata/wrong.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(raw), "=== ") {
		f.Add(part)
	}
	for _, expr := range []string{
		"coalesce(null, 3)", "coalesce(3, null)", "coalesce(null)", "coalesce([], null, [1])",
		"index([1, 2], null)", "index([null, 2], null)", "index(null, null)", "contains([1, 2], null)", "contains([null], null)",
	} {
		f.Add("norm \"derf\" \"e\" {\n  alpha = " + expr + "\n}\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		study, diags := load(t, map[string]string{"study.hcl": text})
		for _, d := range diags {
			if d.Summary == "" {
				t.Errorf("a diagnostic without a summary: %+v", d)
			}
		}
		if study == nil {
			t.Error("Load returns no study")
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add(`{"norm": {"derf": {"a": {"alpha": {"ffn": 0.3}, "ema_blend": {}}}}}`)
	f.Add(`{"norm": {"derf": {"a": {"alpha": "${norm.derf.a}"}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		load(t, map[string]string{"study.hcl.json": text})
	})
}

// A file that cannot be parsed is the only mistake that is reported: what it
// declares is unknown.
func TestUnparsedFile(t *testing.T) {
	files := map[string]string{"broken.hcl": "variable \"rate\" {\n", "study.hcl": "locals {\n  twice = 2 * var.rate\n}\n"}
	_, diags := load(t, files, hcl.Var{Name: "rate", Value: "1"})
	if len(diags) != 1 || diags[0].Range.Filename != "broken.hcl" {
		t.Errorf("Load = %v, want one error in broken.hcl", diags.Err())
	}
}

func TestWrongJSON(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a key of an object twice", `{"norm": {"derf": {"a": {"alpha": {"ffn": 0.3, "attention": 0.1, "ffn": 0.5}}}}}`,
			"study.hcl.json:1,66: Error: Duplicate key\n    The object has the key ffn twice, and only one value can count. Remove one of them.\n"},
		{"a key of an object in a text twice", `{"norm": {"derf": {"a": {"alpha": "${{ ffn = 0.3, ffn = 0.5 }}"}}}}`,
			"study.hcl.json:1,51: Error: Duplicate key\n    The object has the key ffn twice, and only one value can count. Remove one of them.\n"},
		{"an attribute twice", `{"norm": {"derf": {"a": {"alpha": 1, "alpha": 2}}}}`,
			"study.hcl.json:1,38: Error: Attribute set twice\n    The attribute \"alpha\" was already set at study.hcl.json:1,26-36. Remove one of the two.\n"},
		{"an unknown name", `{"norm": {"derf": {"a": {"alhpa": 1}}}}`,
			"study.hcl.json:1,26: Error: Unknown name\n    There is no attribute or block \"alhpa\" here. Did you mean \"alpha\"?\n"},
	} {
		_, diags := load(t, map[string]string{"study.hcl.json": tt.text})
		if got := render(diags); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// A file of another kind has not an error for each of its lines.
func TestManyErrors(t *testing.T) {
	for _, line := range []string{"a,1\n", "“a”\n"} {
		_, diags := load(t, map[string]string{"study.hcl": strings.Repeat(line, 100)})
		if text := render(diags); len(diags) != 11 || !strings.Contains(text, "0 more errors from here on") {
			t.Errorf("%d errors: %s", len(diags), text)
		}
	}
}

// A file in another encoding is one mistake, not one for each of its bytes.
func TestWrongEncoding(t *testing.T) {
	for _, text := range []string{"\xff\xfes\x00t\x00u\x00d\x00y\x00", "s\x00t\x00u\x00d\x00y\x00", "# caf\xe9 \xe9\n", `{"//": "caf` + "\xe9\xe9" + `"}`} {
		for _, name := range []string{"study.hcl", "study.hcl.json"} {
			_, diags := load(t, map[string]string{name: text})
			if len(diags) != 1 || diags[0].Summary != "Invalid character encoding" {
				t.Errorf("%q: %v", text, render(diags))
			}
		}
	}
}

// Text from outside the study has to be UTF-8, too.
func TestWrongText(t *testing.T) {
	const bad = "caf\xe9"
	label := func(expr string) map[string]string {
		return map[string]string{"study.hcl": "study \"a\" {\n  env = [\"BAD\"]\n}\nvariable \"x\" {\n  default = \"\"\n}\nnorm \"rmsnorm\" \"a\" {\n  label = " + expr + "\n}\n", "bad": bad}
	}
	for _, tt := range []struct {
		expr    string
		environ []string
		vars    []hcl.Var
		want    string
	}{
		{`file("bad")`, nil, nil, "study.hcl:8,11: Error: Error in function call\n    Call to function \"file\" failed: file bad is not text in UTF-8."},
		{`env("BAD")`, []string{"BAD=" + bad}, nil, "study.hcl:8,11: Error: Error in function call\n    Call to function \"env\" failed: BAD is not text in UTF-8."},
		{"var.x", nil, []hcl.Var{{Name: "x", Value: bad}}, "Error: Unreadable value\n    The value of --var x is not text in UTF-8."},
		{"var.x", []string{"ABLATE_VAR_x=" + bad}, nil, "Error: Unreadable value\n    The value of ABLATE_VAR_x is not text in UTF-8."},
	} {
		dir := t.TempDir()
		for name, text := range label(tt.expr) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds(), Environ: tt.environ, Vars: tt.vars})
		if got := render(diags); !strings.Contains(got, tt.want) || len(diags) != 1 {
			t.Errorf("%s: %s\nwant %s", tt.expr, got, tt.want)
		}
	}
}
