package hcl_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// header declares stages that train stages can refer to.
const header = `
data "text" "corpus" {
  source = ["a.txt"]
}

model "llama" "tiny" {
  layers = 2
  width  = 8
  heads  = 2
}

norm "rmsnorm" "base" {
  label = "RMSNorm"
}

norm "derf" "paper" {
  alpha = 0.5
}

norm "derf" "alpha" {
  for_each = [0.1, 0.3]
  alpha    = each.value
}

optimizer "adamw" "base" {
  learning_rate = 1e-3
}

optimizer "adamw" "fast" {
  learning_rate = 0.01
}
`

// trainBody is the required part of a train stage, without factors.
const trainBody = `
  data      = data.text.corpus
  model     = model.llama.tiny
  steps     = 10

  batch {
    sequences = 2
    length    = 4
  }
`

func load(t *testing.T, files map[string]string, vars ...hcl.Var) (*study.Study, diag.List) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds(), Vars: vars})
}

func mustLoad(t *testing.T, text string, vars ...hcl.Var) *study.Study {
	t.Helper()
	study, diags := load(t, map[string]string{"study.hcl": text}, vars...)
	if diags.HasErrors() {
		t.Fatalf("unexpected diagnostics:\n%s", render(diags))
	}
	return study
}

func render(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		at := ""
		if d.Range != nil {
			at = d.Range.String() + ": "
		}
		fmt.Fprintf(&b, "%s%s: %s\n    %s\n", at, d.Severity, d.Summary, d.Detail)
	}
	return b.String()
}

// keys lists the keys of a stage's instances in order.
func keys(study *study.Study, stage string) []string {
	var out []string
	for _, inst := range study.Instances {
		if inst.Address.Stage.String() == stage {
			out = append(out, inst.Address.Key)
		}
	}
	return out
}

func find(t *testing.T, study *study.Study, address string) *study.Instance {
	t.Helper()
	for _, inst := range study.Instances {
		if inst.Address.String() == address {
			return inst
		}
	}
	t.Fatalf("the study has no %s", address)
	return nil
}

func TestMatrix(t *testing.T) {
	tests := []struct {
		name, rules string
		want        []string
	}{
		{"product in the order of sorted factors", `
  matrix {
    optimizer = [optimizer.adamw.base, optimizer.adamw.fast]
    norm      = [norm.rmsnorm.base, norm.derf.paper]
  }`, []string{
			"norm=rmsnorm.base,optimizer=adamw.base", "norm=rmsnorm.base,optimizer=adamw.fast",
			"norm=derf.paper,optimizer=adamw.base", "norm=derf.paper,optimizer=adamw.fast",
		}},
		{"the name of a stage means all its instances", `
  optimizer = optimizer.adamw.base
  matrix {
    norm = [norm.rmsnorm.base, norm.derf.alpha]
  }`, []string{"norm=rmsnorm.base", "norm=derf.alpha:0.1", "norm=derf.alpha:0.3"}},
		{"a stage is a list of levels", `
  optimizer = optimizer.adamw.base
  matrix {
    norm = norm.derf.alpha
  }`, []string{"norm=derf.alpha:0.1", "norm=derf.alpha:0.3"}},
		{"one instance by its key", `
  optimizer = optimizer.adamw.base
  matrix {
    norm = [norm.derf.alpha["0.3"]]
  }`, []string{"norm=derf.alpha:0.3"}},
		{"exclude reads levels", `
  norm = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  matrix {
    seed = [1, 2, 3]
  }
  exclude {
    when = matrix.seed == 2
  }`, []string{"seed=1", "seed=3"}},
		{"exclude reads the specs of levels and compares references", `
  matrix {
    norm      = [norm.rmsnorm.base, norm.derf.paper]
    optimizer = [optimizer.adamw.base, optimizer.adamw.fast]
  }
  exclude {
    when = matrix.norm == norm.derf.paper && matrix.optimizer.learning_rate > 0.005
  }`, []string{
			"norm=rmsnorm.base,optimizer=adamw.base", "norm=rmsnorm.base,optimizer=adamw.fast",
			"norm=derf.paper,optimizer=adamw.base",
		}},
		{"the number of a spec is the one that the study wrote", `
  norm = norm.rmsnorm.base
  matrix {
    optimizer = [optimizer.adamw.base, optimizer.adamw.fast]
  }
  exclude {
    when = matrix.optimizer.learning_rate == 0.01
  }`, []string{"optimizer=adamw.base"}},
		{"include takes all levels of factors that it does not name", `
  optimizer = optimizer.adamw.base
  matrix {
    norm = [norm.rmsnorm.base]
    seed = [1, 2]
  }
  include {
    norm = norm.derf.paper
  }`, []string{"norm=rmsnorm.base,seed=1", "norm=rmsnorm.base,seed=2", "norm=derf.paper,seed=1", "norm=derf.paper,seed=2"}},
		{"include adds a cell only once", `
  optimizer = optimizer.adamw.base
  norm = norm.rmsnorm.base
  matrix {
    seed = [1, 2]
  }
  include {
    seed = [2, 3]
  }
  include {
    seed = [3, 4]
  }`, []string{"seed=1", "seed=2", "seed=3", "seed=4"}},
		{"a factor that decides an override", `
  optimizer = optimizer.adamw.base
  norm = norm.rmsnorm.base
  matrix {
    mode = ["plain", "long"]
  }
  override {
    when  = matrix.mode == "long"
    steps = 20
  }`, []string{"mode=plain", "mode=long"}},
		{"strings that would make an address ambiguous are quoted", `
  optimizer = optimizer.adamw.base
  norm = norm.rmsnorm.base
  matrix {
    mode = ["plain", "a,b=c"]
  }
  evaluate {
    every = matrix.mode == "plain" ? 1 : 2
  }`, []string{"mode=plain", `mode="a,b=c"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			study := mustLoad(t, header+"train \"lm\" \"main\" {"+trainBody+tt.rules+"\n}\n")
			if diff := cmp.Diff(tt.want, keys(study, "train.lm.main")); diff != "" {
				t.Errorf("cells (-want +got):\n%s", diff)
			}
			for _, inst := range study.Instances {
				back, err := addr.Parse(inst.Address.String())
				if err != nil || back != inst.Address {
					t.Errorf("Parse(%s) = %v, %v, want the same address", inst.Address, back, err)
				}
			}
		})
	}
}

// The first level is the baseline, so the instances of a stage are levels in the order in
// which for_each lists them, not in that of the texts of their keys.
func TestOrderOfLevels(t *testing.T) {
	for _, levels := range []string{"optimizer.adamw.rates", "[optimizer.adamw.rates]", "local.rates"} {
		study := mustLoad(t, header+`
optimizer "adamw" "rates" {
  for_each      = [1e-5, 1e-4, 10, 2]
  learning_rate = each.value
}
locals {
  rates = optimizer.adamw.rates
}
train "lm" "main" {`+trainBody+`
  norm = norm.rmsnorm.base
  matrix {
    optimizer = `+levels+`
  }
}
`)
		want := []string{"optimizer=adamw.rates:1e-05", "optimizer=adamw.rates:0.0001", "optimizer=adamw.rates:10", "optimizer=adamw.rates:2"}
		if diff := cmp.Diff(want, keys(study, "train.lm.main")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", levels, diff)
		}
	}
}

// An analysis has the trials of a stage that it names through a local, whose matrix may not
// be expanded when the analysis is.
func TestTrialsThroughLocals(t *testing.T) {
	const other = `train "lm" "other" {` + trainBody + `
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  matrix {
    seed = [1, 2]
  }
}
`
	text := func(trials string) string {
		return header + other + strings.Replace(analysed, "trials   = train.lm.main", "trials   = "+trials, 1) +
			"locals {\n  main = train.lm.main\n  all = [train.lm.main, train.lm.other]\n}\n"
	}
	trials := func(trials string) []addr.Instance {
		return find(t, mustLoad(t, text(trials)), "analysis.factorial.all").Spec.(*factorial).Trials
	}
	for _, tt := range []struct{ local, direct string }{
		{"local.main", "train.lm.main"}, {"local.all", "[train.lm.main, train.lm.other]"}, {"[train.lm.other, local.main]", "[train.lm.other, train.lm.main]"},
	} {
		if diff := cmp.Diff(trials(tt.direct), trials(tt.local)); diff != "" {
			t.Errorf("trials = %s (-want +got):\n%s", tt.local, diff)
		}
	}
}

// A reference means the same however a study writes it: by itself, through a local, or
// as the result of an expression.
func TestFormsOfReferences(t *testing.T) {
	const locals = `
locals {
  norms = [norm.rmsnorm.base, norm.derf.paper]
  base  = norm.rmsnorm.base
  paper = norm.derf.paper
}
`
	levels := []string{"[norm.rmsnorm.base, norm.derf.paper]", "local.norms", "[local.base, norm.derf.paper]",
		"true ? [norm.rmsnorm.base, norm.derf.paper] : [norm.derf.paper]", "[true ? norm.rmsnorm.base : norm.derf.paper, local.paper]",
		"distinct([norm.rmsnorm.base, local.paper, local.base])"}
	conditions := []string{"matrix.norm == norm.rmsnorm.base", "matrix.norm == local.base", "!(matrix.norm != local.norms[0])",
		"contains([local.base], matrix.norm)", "contains([norm.rmsnorm.base], matrix.norm)", "index(local.norms, matrix.norm) == 0",
		"matrix.norm == (true ? local.base : norm.derf.paper)", "contains(toset([norm.rmsnorm.base]), matrix.norm)",
		"[matrix.norm, 1] == [local.base, 1]", "{ a = matrix.norm } == { a = local.base }", `matrix.norm.name == "base"`,
		"!try(matrix.norm.alpha.ffn > 0.4, false)",
		"matrix.norm == local.base && (true ? optimizer.adamw.fast : optimizer.adamw.base).learning_rate > 0.005"}
	for _, norm := range levels {
		for _, when := range conditions {
			study := mustLoad(t, "train \"lm\" \"main\" {"+trainBody+`
  optimizer = optimizer.adamw.base
  matrix {
    norm = `+norm+`
  }
  exclude {
    when = `+when+`
  }
}
`+locals+header)
			if diff := cmp.Diff([]string{"norm=derf.paper"}, keys(study, "train.lm.main")); diff != "" {
				t.Errorf("norm = %s without %s (-want +got):\n%s", norm, when, diff)
			}
		}
	}
}

// A default that depends on another attribute does so in each cell.
func TestResolveCells(t *testing.T) {
	study := mustLoad(t, header+`train "lm" "main" {`+strings.Replace(trainBody, "  steps     = 10\n", "", 1)+`
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  matrix {
    steps = [10, 20]
    seed  = [1, 2]
  }
}`)
	for _, inst := range study.Instances {
		if s, ok := inst.Spec.(*lm); ok && s.Horizon != s.Steps {
			t.Errorf("%s has %d steps and a horizon of %d", inst.Address, s.Steps, s.Horizon)
		}
	}
}

func TestOverrideMergesDeeply(t *testing.T) {
	study := mustLoad(t, header+`train "lm" "main" {`+trainBody+`
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  matrix {
    seed = [1, 2, 3]
  }
  schedule "cosine" {
    warmup = 3
    floor  = 0.1
  }
  override {
    when  = matrix.seed >= 2
    steps = 20
    batch {
      length = 8
    }
    schedule "cosine" {
      floor = 0.2
    }
  }
  override {
    when  = matrix.seed == 3
    steps = 30
    schedule "constant" {}
    evaluate {
      every = matrix.seed
    }
  }
}`)
	got := map[int64]lm{}
	for _, inst := range study.Instances {
		if s, ok := inst.Spec.(*lm); ok {
			got[s.Seed] = lm{Steps: s.Steps, Batch: s.Batch, Schedule: s.Schedule, Evaluate: s.Evaluate}
		}
	}
	want := map[int64]lm{
		1: {Steps: 10, Batch: batch{2, 4}, Schedule: &schedule{Cosine: &cosine{3, 0.1}}},
		2: {Steps: 20, Batch: batch{2, 8}, Schedule: &schedule{Cosine: &cosine{3, 0.2}}},
		3: {Steps: 30, Batch: batch{2, 8}, Schedule: &schedule{Constant: &constant{}}, Evaluate: &evaluate{3}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("specs (-want +got):\n%s", diff)
	}
}

func TestDecode(t *testing.T) {
	study := mustLoad(t, header+`
norm "derf" "sites" {
  alpha = { ffn = 0.3 }
}

norm "derf" "ema" {
  ema_blend {}
}
`)
	tests := []struct {
		address string
		want    any
	}{
		{"norm.derf.paper", &derf{Alpha: sites{0.5, 0.5, 0.5}}},
		{"norm.derf.sites", &derf{Alpha: sites{0.5, 0.3, 0.5}}},
		{"norm.derf.ema", &derf{Alpha: sites{0.5, 0.5, 0.5}, Blend: &emaBlend{0.9}}},
		{`norm.derf.alpha["0.1"]`, &derf{Alpha: sites{0.1, 0.1, 0.1}}},
		{"model.llama.tiny", &llama{Layers: 2, Width: 8, Heads: 2, KVHeads: 2}},
		{"norm.rmsnorm.base", &rmsnorm{Eps: 1e-5}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, find(t, study, tt.address).Spec); diff != "" {
			t.Errorf("spec of %s (-want +got):\n%s", tt.address, diff)
		}
	}
}

// Functions have the meaning that they have in Terraform.
// called loads a study with an expression in a list of texts.
func called(t *testing.T, expr string) (*study.Study, diag.List) {
	return load(t, map[string]string{"study.hcl": "norm \"rmsnorm\" \"base\" {}\ndata \"text\" \"a\" {\n  source = [" + expr + "]\n}\n"})
}

func TestFunctions(t *testing.T) {
	for expr, want := range map[string]string{
		`coalesce("", null, "b")`: "b", `coalesce(null, 3)`: "3", `coalesce(3, null)`: "3",
		`index(["a", "b"], "b")`: "1", `index([null, 2], null)`: "0", `index([1, null], null)`: "1", `index(tolist([1, null]), null)`: "1",
		`contains(["a"], "a")`: "true", `contains([1, 2], null)`: "false", `contains(toset(["a", null]), null)`: "true",
		`length("häß")`: "3", `length([1, 2])`: "2", `length({ a = 1 })`: "1", `length(toset([1, 1]))`: "1", `length(coalesce([], null, [1]))`: "0",
		`replace("a.b.c", ".", "-")`: "a-b-c", `replace("a1b22", "/[0-9]+/", "<$0>")`: "a<1>b<22>", `replace("a/b", "/", "-")`: "a-b",
	} {
		study, diags := called(t, expr)
		if diags.HasErrors() {
			t.Errorf("%s: %s", expr, render(diags))
			continue
		}
		if got := find(t, study, "data.text.a").Spec.(*text).Source[0]; got != want {
			t.Errorf("%s = %s, want %s", expr, got, want)
		}
	}
}

func TestFailingFunctions(t *testing.T) {
	for expr, want := range map[string]string{
		`coalesce("", "")`: "all arguments are null or empty", `coalesce(null)`: "all arguments are null or empty",
		`index([1, 2], 3)`: "the list does not contain the value", `index([1, 2], null)`: "the list does not contain the value",
		`index({ a = 1 }, 1)`: "a list is required", `index(null, 1)`: "argument must not be null",
		`contains({ a = 1 }, 1)`: "a list or a set is required", `contains(null, null)`: "argument must not be null",
		`length(norm.rmsnorm.base)`: "collection must be", `replace("x", "/(/", "")`: "missing closing )",
	} {
		if _, diags := called(t, expr); len(diags) != 1 || !strings.Contains(diags[0].Detail, want) {
			t.Errorf("%s reports %s, want %s", expr, render(diags), want)
		}
	}
}

// essence renders a study, to compare two ways to write it.
func essence(study *study.Study) string {
	var b strings.Builder
	for _, inst := range study.Instances {
		raw, err := json.Marshal(inst.Spec)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s %s %s %v\n", inst.Address, inst.Label, raw, inst.Refs())
	}
	return b.String()
}

const analysed = `train "lm" "main" {` + trainBody + `
  matrix {
    norm      = [norm.rmsnorm.base, norm.derf.alpha]
    optimizer = [optimizer.adamw.base, optimizer.adamw.fast]
    seed      = local.seeds
  }
}

locals {
  seeds = [for i in range(2) : i + local.first]
  first = 40
}

analysis "factorial" "all" {
  trials   = train.lm.main
  response = "val_loss"
  baseline = { norm = norm.rmsnorm.base, seed = 40 }
}
`

func TestOrderDoesNotMatter(t *testing.T) {
	blocks := strings.Split(strings.TrimSpace(header+analysed), "\n\n")
	var whole []string // blocks contain blank lines: join the parts of one
	for _, b := range blocks {
		if n := len(whole); n > 0 && strings.Count(whole[n-1], "{") != strings.Count(whole[n-1], "}") {
			whole[n-1] += "\n\n" + b
			continue
		}
		whole = append(whole, b)
	}
	want := essence(mustLoad(t, strings.Join(whole, "\n\n")))
	for turn := range whole {
		rotated := append(append([]string{}, whole[turn:]...), whole[:turn]...)
		half := len(rotated) / 2
		study, diags := load(t, map[string]string{
			"b.hcl": strings.Join(rotated[:half], "\n\n"), "a.hcl": strings.Join(rotated[half:], "\n\n"),
		})
		if diags.HasErrors() {
			t.Fatalf("rotation %d:\n%s", turn, render(diags))
		}
		if diff := cmp.Diff(want, essence(study)); diff != "" {
			t.Fatalf("rotation %d makes another study (-want +got):\n%s", turn, diff)
		}
	}
}

func TestJSON(t *testing.T) {
	native := mustLoad(t, `
variable "rate" {
  default = 0.001
}

norm "derf" "a" {
  for_each = [0.1, 0.3]
  alpha    = { ffn = each.value }
}

optimizer "adamw" "base" {
  learning_rate = var.rate
}
`)
	fromJSON, diags := load(t, map[string]string{"study.hcl.json": `{
  "variable": {"rate": {"default": 0.001}},
  "norm": {"derf": {"a": {"for_each": [0.1, 0.3], "alpha": {"ffn": "${each.value}"}}}},
  "optimizer": {"adamw": {"base": {"learning_rate": "${var.rate}"}}}
}`})
	if diags.HasErrors() {
		t.Fatal(render(diags))
	}
	if diff := cmp.Diff(essence(native), essence(fromJSON)); diff != "" {
		t.Errorf("JSON makes another study (-native +json):\n%s", diff)
	}
}

func TestPrecedenceOfVariables(t *testing.T) {
	const study = `
variable "rate" {
  type    = number
  default = 1
}

optimizer "adamw" "base" {
  learning_rate = var.rate
}
`
	files := map[string]string{
		"study.hcl":      study,
		"study.hclvars":  "rate = 3",
		"b.auto.hclvars": "rate = 5",
		"a.auto.hclvars": "rate = 4",
		"given.hclvars":  "rate = 6",

		".#b.auto.hclvars": "rate = 8", // of an editor
	}
	tests := []struct {
		name    string
		without []string
		environ []string
		vars    []hcl.Var
		want    float64
	}{
		{"default", []string{"study.hclvars", "a.auto.hclvars", "b.auto.hclvars"}, nil, nil, 1},
		{"environment", []string{"study.hclvars", "a.auto.hclvars", "b.auto.hclvars"}, []string{"ABLATE_VAR_rate=2"}, nil, 2},
		{"study.hclvars", []string{"a.auto.hclvars", "b.auto.hclvars"}, []string{"ABLATE_VAR_rate=2"}, nil, 3},
		{"auto files in order", nil, nil, nil, 5},
		{"a named file", nil, nil, []hcl.Var{{File: "given.hclvars"}}, 6},
		{"the last one wins", nil, nil, []hcl.Var{{Name: "rate", Value: "7"}, {File: "given.hclvars"}}, 6},
		{"value after file", nil, nil, []hcl.Var{{File: "given.hclvars"}, {Name: "rate", Value: "7"}}, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range files {
				if !slices.Contains(tt.without, name) {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			got, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds(), Environ: tt.environ, Vars: tt.vars})
			if diags.HasErrors() {
				t.Fatal(render(diags))
			}
			if rate := find(t, got, "optimizer.adamw.base").Spec.(*adamw).LearningRate; rate != tt.want {
				t.Errorf("learning_rate = %v, want %v", rate, tt.want)
			}
		})
	}
}

func TestAt(t *testing.T) {
	study := mustLoad(t, header+`train "lm" "main" {`+trainBody+`
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
}`)
	inst := find(t, study, "train.lm.main")
	src := study.Sources["study.hcl"]
	tests := []struct {
		path diag.Path
		want string
	}{
		{diag.Path{"steps"}, "steps     = 10"},
		{diag.Path{"batch", "length"}, "length    = 4"},
		{diag.Path{"batch", "nothing"}, "batch"},
		{diag.Path{"seed"}, `train "lm" "main"`},
	}
	for _, tt := range tests {
		r := inst.At(tt.path)
		if got := string(src[r.Start.Byte:r.End.Byte]); got != tt.want {
			t.Errorf("At(%v) = %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	got, diags := hcl.Format("a.hcl", []byte("norm \"derf\" \"a\" {\nalpha=0.5\n  bias   = true\n}\n"))
	if diags.HasErrors() {
		t.Fatal(render(diags))
	}
	if want := "norm \"derf\" \"a\" {\n  alpha = 0.5\n  bias  = true\n}\n"; string(got) != want {
		t.Errorf("Format = %q, want %q", got, want)
	}
	broken := []byte("norm \"derf\" {\nalpha=\n")
	if got, diags := hcl.Format("a.hcl", broken); !diags.HasErrors() || string(got) != string(broken) {
		t.Errorf("Format of a broken file = %q, %v, want it unchanged with diagnostics", got, diags)
	}
}

func TestTypesOfVariables(t *testing.T) {
	study := mustLoad(t, `
variable "rates" {
  type    = list(number)
  default = [1, 2]
}

variable "shape" {
  type    = object({ width = number, names = optional(list(string)) })
  default = { width = 3 }
}

optimizer "adamw" "a" {
  for_each      = var.rates
  learning_rate = each.value * var.shape.width
}
`)
	if got := find(t, study, `optimizer.adamw.a["2"]`).Spec.(*adamw).LearningRate; got != 6 {
		t.Errorf("learning_rate = %v, want 6", got)
	}
}

// A trial is named in a study by the address that commands print, beside its stage, in
// locals, and before its stage is declared.
func TestTrialByAddress(t *testing.T) {
	study := mustLoad(t, header+`
analysis "factorial" "a" {
  trials   = local.two
  response = "loss"
}

locals {
  two = [train.lm.main["optimizer=adamw.base,seed=2"], train.lm.main["optimizer=adamw.fast,seed=1"]]
}

analysis "factorial" "b" {
  trials   = [train.lm.other, train.lm.main["optimizer=adamw.base,seed=1"]]
  response = "loss"
}

train "lm" "main" {`+trainBody+`
  norm = norm.rmsnorm.base
  matrix {
    optimizer = [optimizer.adamw.base, optimizer.adamw.fast]
    seed      = [1, 2]
  }
}

train "lm" "other" {`+trainBody+`
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
}`)
	for name, want := range map[string]string{
		"a": `[train.lm.main["optimizer=adamw.base,seed=2"] train.lm.main["optimizer=adamw.fast,seed=1"]]`,
		"b": `[train.lm.other train.lm.main["optimizer=adamw.base,seed=1"]]`,
	} {
		if got := fmt.Sprint(find(t, study, "analysis.factorial."+name).Spec.(*factorial).Trials); got != want {
			t.Errorf("%s: trials %s, want %s", name, got, want)
		}
	}
}
