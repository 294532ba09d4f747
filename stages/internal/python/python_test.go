package python_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ablate/stages/internal/python"
)

// The golden files are what tokenize of Python 3.11 says; testdata/README.md has the
// command.
func TestTokensAsPython(t *testing.T) {
	sources, err := filepath.Glob("testdata/*.py.txt")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, name := range sources {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(name, ".py.txt") + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		tokens, ok := python.Tokens(source)
		if !ok {
			t.Errorf("%s: the lexer is not sure", name)
		}
		lines := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
		for i, got := range printed(tokens) {
			if i >= len(lines) || got != lines[i] {
				t.Errorf("%s: token %d is %s, Python has %q", name, i, got, lines[min(i, len(lines)-1)])
				break
			}
		}
		if n := len(printed(tokens)); n != len(lines) {
			t.Errorf("%s: %d tokens, Python has %d", name, n, len(lines))
		}
	}
}

// printed lists the tokens that Python's tokenize has, too.
func printed(tokens []python.Token) (out []string) {
	for _, t := range tokens {
		if t.Kind != python.Comment && t.Kind != python.Continuation {
			out = append(out, fmt.Sprintf("%c %s", t.Kind, strings.ReplaceAll(strings.ReplaceAll(t.Text, `\`, `\\`), "\n", `\n`)))
		}
	}
	return out
}

const before = "import os\n\ndef f(a, b=1):\n    \"\"\"Text # of f.\"\"\"\n    return a + b  # sum\n\nx = [1, 2]\n"

func TestSameTokens(t *testing.T) {
	for name, edit := range map[string][2]string{
		"comment at the end of a line": {"# sum", "# the sum"},
		"no comment":                   {"  # sum", ""},
		"comment on a line of its own": {"x = ", "# x\n      # x, indented\nx = "},
		"blank lines":                  {"\n\n", "\n \n\t\n\n"},
		"no blank lines":               {"\n\n", "\n"},
		"trailing space":               {":\n", ": \t\n"},
		"spacing":                      {"a + b", "a+ b"},
		"spacing in brackets":          {"(a, b=1)", "( a,b = 1 )"},
		"lines in brackets":            {"[1, 2]", "[  # list\n  1,\n\n2]"},
		"ends of lines":                {"\n", "\r\n"},
		"no end of the last line":      {"2]\n", "2]"},
		"comment at the end":           {"2]\n", "2]\n# the end"},
	} {
		t.Run(name, func(t *testing.T) {
			if !same(t, before, strings.ReplaceAll(before, edit[0], edit[1])) {
				t.Error("the edit counts as a change")
			}
		})
	}
}

func TestOtherTokens(t *testing.T) {
	for name, edit := range map[string][2]string{
		"number":            {"b=1", "b=1.0"},
		"name":              {"import os", "import so"},
		"text":              {"Text # of f", "Text # of g"},
		"spacing of a text": {"Text #", "Text  #"},
		"indentation":       {"    ", "  "},
		"tabs":              {"    ", "\t"},
		"out of the block":  {"    return", "return"},
		"names that join":   {"import os", "importos"},
		"continuation":      {"a + b", "a \\\n + b"},
		"line break":        {"b=1):\n", "b=1): \n    1;"},
		"interpreter":       {"import os", "#!/usr/bin/python2\nimport os"},
		"type comment":      {"b=1):", "b=1):\n    # type: (int, int) -> int"},
		"inline metadata":   {"import os", "# /// script\n# dependencies = [\"torch\"]\n# ///\nimport os"},
	} {
		t.Run(name, func(t *testing.T) {
			if same(t, before, strings.Replace(before, edit[0], edit[1], 1)) {
				t.Error("the edit does not count as a change")
			}
		})
	}
}

func same(t *testing.T, a, b string) bool {
	t.Helper()
	if a == b {
		t.Fatal("nothing was edited")
	}
	x, ok := python.Digest([]byte(a))
	y, sure := python.Digest([]byte(b))
	if !ok || !sure {
		t.Fatal("the lexer is not sure")
	}
	return x == y
}

// Versions of Python read these differently, or they are no programs.
func TestUnsure(t *testing.T) {
	for name, source := range map[string]string{
		"form feed":               "\f\nx = 1\n",
		"other encoding":          "# -*- coding: latin-1 -*-\nx = 1\n",
		"encoding on line 2":      "#!/bin/sh\n# vim: set fileencoding=utf-16 :\n",
		"no UTF-8":                "x = '\xff'\n",
		"NUL":                     "x = 1\x00\n",
		"lone carriage return":    "# a\rx = 1\n",
		"text without an end":     "x = 'a\n",
		"long text without one":   "x = '''a\n'\n",
		"bracket without an end":  "x = (1,\n",
		"other bracket":           "x = (1]\n",
		"bracket too many":        "x = 1)\n",
		"backslash at the end":    "x = 1 \\",
		"backslash in a line":     "x = \\ 1\n",
		"backslash at the start":  "if x:\n    y\n\\\n  z\n",
		"question mark":           "ls?\n",
		"magic of a shell":        "!pip install torch\n",
		"dollar":                  "x = $HOME\n",
		"same quotes in a field":  "x = f\"{d[\"a\"]}\"\n",
		"same quotes, open field": "x = f'{ '}' 'x' }'\n",
		"comment in a field":      "x = f'''{a # }\n}'''\n",
		"backslash in a field":    "x = f'{a[\"\\n\"]}'\n",
		"field without an end":    "x = f'{a'\n",
		"nested fields":           "x = f\"{f'{d['a']}'}\"\n",
		"prefix of a number":      "x = 1r'a'\n",
	} {
		t.Run(name, func(t *testing.T) {
			if tokens, ok := python.Tokens([]byte(source)); ok {
				t.Errorf("Tokens(%q) = %q, want that it is not sure", source, tokens)
			}
		})
	}
}

func TestSure(t *testing.T) {
	for _, source := range []string{
		"x = f'{a!r:>{width}.{digits}} {{}} {b[\"c\"]} {c or \"\"}'\n",
		"x = f\"\"\"{\n a}{d[\"e\"]}\"\"\"\n",
		"x = f\"{', '.join(f'{k}={v}' for k, v in d.items())}\"\n",
		"x = rf'\\{a}\\d' b'\\'' Rb\"\\\"\"\n",
		"x = f'\\N{DASH}{{' '\\\n'\n",
		"", "\n", "# only a comment", "  \t", "\ufeffx = 1\n",
		"naïve = 0xFFe-1 + 1_0.e-5j ** .5; y: int = ...\n",
		"@a.b\nasync def f(*, a: int = 1, **k) -> None: x @= (y := lambda: 1) @ 2\n",
	} {
		if _, ok := python.Tokens([]byte(source)); !ok {
			t.Errorf("the lexer is not sure about %q", source)
		}
	}
}

func TestImports(t *testing.T) {
	source := "import os, a.b as c; import d\nfrom . import e\nfrom ..f.g import (h as i,\n j)\nif x: from k import *\n" +
		"'import l'\n# import m\nyield_from = x.import_\ndef y(): yield from n\nfrom ... import o\nfrom p \\\n import q\n"
	tokens, ok := python.Tokens([]byte(source))
	if !ok {
		t.Fatal("the lexer is not sure")
	}
	var got []string
	for _, m := range python.Imports(tokens) {
		got = append(got, strings.Repeat(".", m.Level)+m.Name)
	}
	want := []string{"os", "a.b", "d", ".", ".e", "..f.g", "..f.g.h", "..f.g.j", "k", "...", "...o", "p", "p.q"}
	if !slices.Equal(got, want) {
		t.Errorf("Imports = %q, want %q", got, want)
	}
	files := python.Module{Name: "g", Level: 2}.Files("src/pkg/f.py")
	if want := [][]string{{"src/g.py", "src/g/__init__.py"}}; !slices.EqualFunc(files, want, slices.Equal) {
		t.Errorf("Files = %q, want %q", files, want)
	}
}

func FuzzTokens(f *testing.F) {
	f.Add(before)
	f.Add("x = f'{a[\"b\"]:>{w}}'  # c\n\nif x:\n\ty = \\\n 1\n")
	f.Fuzz(func(t *testing.T, source string) {
		tokens, ok := python.Tokens([]byte(source))
		if !ok {
			return
		}
		python.Imports(tokens)
		again, ok := python.Tokens([]byte(spaced(tokens)))
		if !ok || !slices.Equal(tokens, again) {
			t.Fatalf("%q has the tokens %q; with other spacing and comments %q", source, tokens, again)
		}
	})
}

// spaced writes tokens with other spacing and with comments.
func spaced(tokens []python.Token) string {
	var b strings.Builder
	depth := 0
	for i, t := range tokens {
		switch {
		case t.Kind == python.Newline:
			b.WriteString("  # comment\n\n")
		case t.Kind == python.Comment && t.Text == "\ufeff":
			b.WriteString(t.Text)
		case t.Kind == python.Comment:
			b.WriteString(t.Text + "\n")
		case t.Kind == python.Indent:
			b.WriteString(t.Text)
		case t.Kind == python.Continuation:
			b.WriteString(t.Text)
		default:
			b.WriteString(t.Text)
			depth += strings.Count("([{", t.Text[:1]) - strings.Count(")]}", t.Text[:1])
			if i+1 < len(tokens) && tokens[i+1].Kind != python.Newline {
				b.WriteString(" ")
			}
		}
	}
	return b.String()
}
