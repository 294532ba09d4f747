package hcl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ablate/hcl"
)

// hostile is a study that asks for far more than a machine has.
type hostile struct {
	name, text string
	want       string // in the message
}

func chain(n int, last string, link func(i int) string) string {
	var b strings.Builder
	b.WriteString("locals {\n  a0 = " + last + "\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  a%d = %s\n", i, link(i-1))
	}
	b.WriteString("}\n")
	return b.String()
}

func local(expr string) string { return "locals {\n  a = " + expr + "\n}\n" }

func trainMatrix(factors string) string {
	return header + "train \"lm\" \"main\" {" + trainBody + "  norm = norm.rmsnorm.base\n  optimizer = optimizer.adamw.base\n  evaluate {\n    every = matrix.a + matrix.b + matrix.c + matrix.d\n  }\n  matrix {\n" + factors + "  }\n}\n"
}

var hundred = "[for i in range(100) : i]"

func hostileStudies() []hostile {
	const many = 100_000
	loop := func(depth int) string {
		s := "1"
		for i := range depth {
			s = fmt.Sprintf("[for x%d in range(300) : %s]", i, s)
		}
		return s
	}
	return []hostile{
		{"a matrix of 100^4 cells", trainMatrix("a = " + hundred + "\nb = " + hundred + "\nc = " + hundred + "\nd = " + hundred + "\n"), "1e+08 combinations"},
		{"a matrix of more trials than the limit", trainMatrix("a = " + hundred + "\nb = " + hundred + "\nc = range(99)\nd = [1]\n"), "more than 250000 instances"},
		{"an include of too many cells", trainMatrix("a = [1]\nb = [1]\nc = [1]\nd = [1]\n  }\n  include {\n    a = " + hundred + "\n    b = " + hundred + "\n    c = " + hundred + "\n    d = " + hundred + "\n"), "1e+08 combinations"},
		{"nested loops", local(loop(4)), "steps"},
		{"nested loops in an object", local("{ for a in range(300) : a => { for b in range(300) : b => { for c in range(300) : c => c } } }"), "steps"},
		{"nested loops inside try", local("try(" + loop(4) + ", 1)"), "steps"},
		{"nested loops in a condition of a loop", local("[for a in range(300) : a if length([for b in range(300) : b if length(range(300)) > 0 && length([for c in range(300) : c]) > 0]) > 0]"), "steps"},
		{"nested loops in a template", local(`"%{ for a in range(300) }%{ for b in range(300) }%{ for c in range(300) }x%{ endfor }%{ endfor }%{ endfor }"`), "steps"},
		{"setproduct", local("length(setproduct(range(300), range(300), range(300), range(300)))"), "too large"},
		{"distinct", local("distinct(flatten([for i in range(200) : range(900)]))"), "too large"},
		{"format", local(`format("%010000000000d", 1)`), "too large"},
		{"format with a precision", local(`format("%.1000000000f", 1)`), "too large"},
		{"formatlist", local(`formatlist("%099999999s", range(1000))`), "too large"},
		{"indent", local(`indent(1000000000, "a\nb")`), "too large"},
		{"join", local(`join(join("", [for i in range(1000) : format("%09000d", i)]), range(1000))`), "too large"},
		{"replace", local(`replace(format("%0900000d", 0), "0", format("%0900000d", 0))`), "too large"},
		{"replace by a regular expression", local(`replace(format("%0900000d", 0), "/0/", format("%0900000d", 0))`), "too large"},
		{"billion laughs in text", chain(30, `"lol"`, func(i int) string { return strings.Repeat(fmt.Sprintf("${local.a%d}", i), 10) }), ""},
		{"billion laughs in templates", chain(30, `"lol"`, func(i int) string { return `"` + strings.Repeat(fmt.Sprintf("${local.a%d}", i), 10) + `"` }), "MiB of text"},
		{"billion laughs in lists", chain(30, `["lol"]`, func(i int) string { return "[" + strings.Repeat(fmt.Sprintf("local.a%d, ", i), 10) + "]" }), "steps"},
		{"billion laughs in objects", chain(30, `{ x = 1 }`, func(i int) string { return fmt.Sprintf("{ a = local.a%d, b = local.a%d, c = local.a%d }", i, i, i) }), "steps"},
		{"a number that doubles its digits", chain(60, "1e300", func(i int) string { return fmt.Sprintf("local.a%d * local.a%d", i, i) }), "1500 digits"},
		{"a number of a billion digits as text", local(`"${1e600000000}"`), "1500 digits"},
		{"a number of a billion digits in a function", local(`upper(1e600000000)`), "1500 digits"},
		{"a number of a billion digits in a conditional", local(`true ? 1e600000000 : "x"`), "1500 digits"},
		{"a number of a billion digits as an index", local(`{ a = 1 }[1e600000000]`), "1500 digits"},
		{"a number of a billion digits as a key", local(`{ (1e600000000) = 1 }`), "1500 digits"},
		{"a number of a billion digits as an index of a local", local(`{ b = 1 }`) + "locals {\n  b = local.a[1e600000000]\n}\n", "1500 digits"},
		{"a tiny number of a billion digits", local(`"${1e-600000000}"`), "1500 digits"},
		{"parentheses", local(strings.Repeat("(", many) + "1" + strings.Repeat(")", many)), "nest more than"},
		{"minus signs", local(strings.Repeat("-", many) + "1"), "nest more than"},
		{"negations", local(strings.Repeat("!", many) + "true"), "nest more than"},
		{"brackets", local(strings.Repeat("[", many) + strings.Repeat("]", many)), "nest more than"},
		{"objects", local(strings.Repeat("{ a = ", many) + "1" + strings.Repeat("}", many)), "nest more than"},
		{"templates", local(strings.Repeat(`"${`, many) + "1" + strings.Repeat(`}"`, many)), "nest more than"},
		{"blocks", strings.Repeat("a {\n", many) + strings.Repeat("}\n", many), "nest more than"},
		{"a sum", local("1" + strings.Repeat(" + 1", many)), "tokens"},
		{"a sum over many lines", local("(1" + strings.Repeat(" +\n1", many) + ")"), "tokens"},
		{"conditionals", local(strings.Repeat("true ? 1 : ", many) + "1"), "tokens"},
		{"indices", local("[]" + strings.Repeat("[0]", many)), "tokens"},
		{"nested directives", local(`"` + strings.Repeat("%{ if true }", many) + strings.Repeat("%{ endif }", many) + `"`), "tokens"},
		{"a chain of locals", chain(2000, "1", func(i int) string { return fmt.Sprintf("local.a%d", i) }), "Shorten the chain"},
		{"a for_each of too many elements", "locals {\n  a = flatten([for i in range(450) : range(500)])\n  b = flatten([for i in range(450) : range(500)])\n}\n" +
			"norm \"derf\" \"a\" {\n  for_each = [for k, v in local.a : k]\n}\nnorm \"derf\" \"b\" {\n  for_each = [for k, v in local.b : k]\n}\n", "more than 250000 instances"},
		{"a long list of several types", local(`length(distinct(flatten([for i in range(200) : [1, true, "x", range(100)]])))`), "one type"},
		{"a long list in a conditional", local(`true ? flatten([for i in range(200) : [1, true, "x", range(100)]]) : []`), "one type"},
		{"a device", local(`file("/dev/zero")`), "not in the study's folder"},
		{"jsondecode", local(`jsondecode("` + strings.Repeat("[", 10_000) + `")`), "too large"},
		{"a long unknown name", "locals {\n  " + strings.Repeat("b", many) + " = 1\n  a = local." + strings.Repeat("c", many) + "\n}\n", "does not exist"},
	}
}

// A hostile study fails before the watchdog ends it, within the memory of a small
// machine, and with the place of the mistake.
func TestHostileStudies(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of computing")
	}
	for _, h := range hostileStudies() {
		t.Run(h.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, diags := load(t, map[string]string{"study.hcl": h.text})
			runtime.ReadMemStats(&after)
			text := render(diags)
			if !diags.HasErrors() || !strings.Contains(text, h.want) || !strings.HasPrefix(text, "study.hcl:") {
				t.Errorf("Load reports %.300q, want %q and the place", text, h.want)
			}
			if strings.Contains(text, "of processor time") {
				t.Errorf("the watchdog had to end it: %s", text)
			}
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 3<<29 {
				t.Errorf("Load takes %d MiB", grown>>20)
			}
		})
	}
}

func TestHostileJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of computing")
	}
	const many = 100_000
	for name, c := range map[string]struct{ text, want string }{
		"brackets":   {`{"locals": {"a": ` + strings.Repeat("[", many) + strings.Repeat("]", many) + `}}`, "nest more than"},
		"a template": {`{"locals": {"a": "${` + strings.Repeat("(", many) + "1" + strings.Repeat(")", many) + `}"}}`, "nest more than"},
		"escapes":    {`{"locals": {"a": "${` + strings.Repeat(`\u0028`, many) + "1" + strings.Repeat(")", many) + `}"}}`, "nest more than"},
		"loops":      {`{"locals": {"a": "${[for a in range(300) : [for b in range(300) : [for c in range(300) : c]]]}"}}`, "steps"},
	} {
		_, diags := load(t, map[string]string{"study.hcl.json": c.text})
		if text := render(diags); !diags.HasErrors() || !strings.Contains(text, c.want) || !strings.HasPrefix(text, "study.hcl.json:") {
			t.Errorf("%s: Load reports %.300q, want %q and the place", name, text, c.want)
		}
	}
}

// A file that is too large is refused before it is read.
func TestHugeFile(t *testing.T) {
	huge := filepath.Join(t.TempDir(), "study.hcl")
	f, err := os.Create(huge)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 40); err != nil {
		t.Skip(err)
	}
	if _, diags := hcl.Load(hcl.Options{Dir: filepath.Dir(huge), Kinds: testKinds()}); !strings.Contains(render(diags), "larger than 4 MiB") {
		t.Errorf("Load reports %s", render(diags))
	}
}

// The watchdog ends what no other limit ends, and reports the place.
func TestTimeout(t *testing.T) {
	dir := t.TempDir()
	text := "locals {\n"
	for i := range 400 {
		text += fmt.Sprintf("  b%d = [for i in range(400) : [for j in range(400) : i * j]]\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds(), Timeout: 2 * time.Second})
	if got := render(diags); !strings.HasPrefix(got, "study.hcl:") || !strings.Contains(got, "takes more than 2s of processor time") {
		t.Errorf("Load reports %q, want a timeout with its place", got)
	}
}
