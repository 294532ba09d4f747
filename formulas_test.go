package ablate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/stages"
	"ablate/stages/norm"
	"ablate/stages/train"
)

// declared loads a norm whose y is a formula, with a scalar, a vector and a running
// value that it can read.
func declared(t *testing.T, lets, y string) (*norm.Formula, diag.List) {
	t.Helper()
	text := fmt.Sprintf(`norm "formula" "f" {
  parameter "a" {
    start = 0.5
  }
  parameter "g" {
    shape = "width"
    start = 1
  }
  running "s" {
    start = 1
    of    = std_all(x)
    next  = 0.5 * s + 0.5 * seen
  }
  let {
%s
  }
  y = %s
}
`, lets, y)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	study, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: graph.LanguageKinds(stages.All())})
	if diags.HasErrors() || len(study.Instances) != 1 {
		return nil, diags
	}
	f := study.Instances[0].Spec.(*norm.Formula)
	return f, append(diags, f.Validate()...)
}

// Intermediates may nest: a formula has as many operations as are written.
func TestNestedIntermediates(t *testing.T) {
	var lets strings.Builder
	lets.WriteString("    v0 = a * x\n")
	for i := range 60 {
		fmt.Fprintf(&lets, "    v%d = v%d + v%d * g\n", i+1, i, i)
	}
	f, _ := declared(t, lets.String(), "v60 / s")
	if f == nil {
		t.Fatal("the norm is not valid")
	}
	if n := len(f.Y.String()); n > 10_000 {
		t.Errorf("a formula of 120 operations is written with %d characters", n)
	}
	again, list := declared(t, "", strings.TrimSpace("x * a * g / s"))
	if list.HasErrors() || again == nil {
		t.Error(list.Err())
	}
}

func TestLargeFormula(t *testing.T) {
	var sum strings.Builder
	sum.WriteString("x * a * g / s")
	for i := range 3300 {
		fmt.Fprintf(&sum, " + %d.5 * x", i)
	}
	if _, list := declared(t, "", sum.String()); !strings.Contains(fmt.Sprint(list), "more than 1000 operations") {
		t.Errorf("10,000 operations and operands: %v", list)
	}
}

// What is written of a formula reads back as the same formula.
func TestFormulaText(t *testing.T) {
	for _, y := range []string{
		"g * tanh(a * x) / s", "x - (a - (g - s))", "x / (a / (g / s))", "-(x * a) + g * -s", "x > a && x < g || !(x == s) ? -x * a : x * g - 1e-5",
		"(x > a ? x : x * g) * s * a * 2.5e+10", "x * pow(abs(a), g) - s", "min(x, a, g, s)", "clip(x * g, -a, a) / s", "x * (a + (g + s))",
		"1 - x * a * g * s", "(x + a) * (g - s) / -3", "x * a < g ? s * x * g : x * a", "((x * a) * g) * s - (-1)",
	} {
		f, list := declared(t, "", y)
		if list.HasErrors() {
			t.Errorf("%s: %v", y, list.Err())
			continue
		}
		again, list := declared(t, "", f.Y.String())
		if list.HasErrors() || again.Y.String() != f.Y.String() || fmt.Sprint(again.Y) != fmt.Sprint(f.Y) {
			t.Errorf("%s is written as %s, which reads as %v, %v", y, f.Y, again, list.Err())
		}
	}
}

// A formula of an override in JSON has the levels of its own cell.
func TestFormulaInJSON(t *testing.T) {
	dir := t.TempDir()
	text := `{
  "data": {"text": {"corpus": {"source": ["text.txt"]}}}, "model": {"llama": {"tiny": {"preset": "tiny"}}},
  "norm": {"rmsnorm": {"base": {}}}, "optimizer": {"adamw": {"base": {}}},
  "train": {"lm": {"main": {
    "matrix": {"steps": [3, 4], "z": [5]},
    "override": {"when": "${matrix.steps > 0}", "loss": "cross_entropy + matrix.steps * square(log_z) + matrix.z"},
    "data": "${data.text.corpus}", "model": "${model.llama.tiny}", "norm": "${norm.rmsnorm.base}", "optimizer": "${optimizer.adamw.base}",
    "batch": {"sequences": 2, "length": 8}
  }}}
}`
	if err := os.WriteFile(filepath.Join(dir, "study.hcl.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	study, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: graph.LanguageKinds(stages.All())})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	losses := make(map[string]bool)
	for _, inst := range study.Instances {
		if trial, ok := inst.Spec.(*train.LM); ok {
			if text := trial.Loss.String(); !strings.Contains(text, fmt.Sprint(trial.Steps)) {
				t.Errorf("%s has the loss %s", inst.Address, text)
			}
			losses[trial.Loss.String()] = true
		}
	}
	if len(losses) != 2 {
		t.Errorf("the losses are %v, want one for each level", losses)
	}
}

// plainMemo remembers nothing.
type plainMemo struct{}

// Digest implements pipeline.Memo.
func (plainMemo) Digest(_ cache.Value, compute func() (cache.Digest, error)) (cache.Digest, error) {
	return compute()
}

// Whatever is written, loading it ends with a formula or with messages that have a
// place, and a valid formula can be traced.
func FuzzFormula(f *testing.F) {
	for _, y := range []string{
		"g * tanh(a * x) / s", "x % 2", "\"x\"", "[for v in x : v]", "x[0]", "x.*.y", "mean(x) + std_all(x)", "first(x, 0.25)", "x > 0 ? sqrt(x) : x", "next.x",
		"var.x * x", "min(x)", "min(x, a, g, s)", "1 / 0", "true", "!x", "a", "pi * x", "where(x)", "number(x)", "x ? a : g", "1e308 * 1e308 * x", "f(x...)",
		"largest(first(x, 0.5)) * g * a * x / s", "rms(g) * x", "((((x))))", "-(-x)", "x == a ? x : g", "each.value", "<<EOT\nEOT",
	} {
		f.Add("u = 1", y)
		f.Add("u = "+y+"\n v = u + w\n w = v", "u * x + v")
	}
	f.Fuzz(func(t *testing.T, lets, y string) {
		n, list := declared(t, lets, y)
		for _, d := range list {
			if d.Summary == "" || d.Detail == "" {
				t.Errorf("a message without words: %+v", d)
			}
		}
		if n == nil || list.HasErrors() {
			return
		}
		if _, err := n.Describe(pipeline.Inputs{Memo: plainMemo{}}); err != nil {
			t.Errorf("%q, %q is valid and cannot be traced: %v", lets, y, err)
		}
	})
}
