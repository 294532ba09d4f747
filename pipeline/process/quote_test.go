package process_test

import (
	"strings"
	"testing"

	"ablate/pipeline/process"
)

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"a.b.c": "a.b.c", `t["x"]`: `'t["x"]'`, "it's": `'it'\''s'`} {
		if got := process.ShellQuote(in); got != want {
			t.Errorf("ShellQuote(%s) = %s, want %s", in, got, want)
		}
	}
	for _, c := range "\t\n !\"#$&'()*;<>?[\\]^`{|}~é" {
		word := "a" + string(c) + "b"
		if got, want := process.ShellQuote(word), "'"+strings.ReplaceAll(word, "'", `'\''`)+"'"; got != want {
			t.Errorf("ShellQuote(%q) = %s, want %s", word, got, want)
		}
	}
	if got := process.ShellQuote(""); got != "''" {
		t.Errorf("the empty word is %q, want two quotes", got)
	}
}
