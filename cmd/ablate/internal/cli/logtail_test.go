package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLastLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "",
		"\n\n":             "",
		"one\ntwo\n":       "two",
		"one\r\ntwo\r\n":   "two",
		"10%\r 50%\r100%":  "100%",
		"10%\r50%\r100%\r": "100%",
		"loss\n10%\r\x1b[K\x1b[32m20%\x1b[0m\r\x1b[K": "20%",
		"{\n  \"code\": 5\n}\n":                       "\"code\": 5",
		"━━━━\n----\n":                                "----",
		"a\tb\x00\x07\n":                              "a b",
		"\xff\xfe\n":                                  "\uFFFD",
		strings.Repeat("x\n", 100_000) + "end\n":      "end",
		strings.Repeat("y", 300):                      strings.Repeat("y", 199) + "…",
	} {
		name := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(name); got != want {
			t.Errorf("lastLine of %.60q = %q, want %q", text, got, want)
		}
	}
	if got := lastLine(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Errorf("lastLine of no file = %q", got)
	}
}
