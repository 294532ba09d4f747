package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

// A remote source is pinned by init --upgrade, and by nothing else.
func TestRemoteSource(t *testing.T) {
	text := strings.Repeat("the quick brown fox\n", 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }))
	defer server.Close()
	dir := t.TempDir()
	study := fmt.Sprintf("data \"text\" \"far\" {\n  source = [\"%s/text.txt\"]\n}\n", server.URL)
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study), 0o600); err != nil {
		t.Fatal(err)
	}
	ablate := func(args ...string) (int, string) {
		var out bytes.Buffer
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
			Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "store"), "NO_COLOR=1"}}
		code := app.Run(t.Context(), append(args, "--chdir", dir))
		return code, out.String()
	}
	for _, step := range []struct {
		args   []string
		code   int
		output string
	}{
		{[]string{"plan"}, 1, "ablate init --upgrade"},
		{[]string{"init", "--upgrade"}, 0, "pinned"},
		{[]string{"plan"}, 0, "1 to run"},
		{[]string{"init", "--upgrade"}, 0, "unchanged"},
	} {
		if code, out := ablate(step.args...); code != step.code || !strings.Contains(out, step.output) {
			t.Fatalf("%v exits with %d and says %q, want %d and %q", step.args, code, out, step.code, step.output)
		}
	}
	_, before := ablate("show", "data.text.far", "--json")
	text += "more\n"
	if _, after := ablate("show", "data.text.far", "--json"); after != before {
		t.Errorf("the pinned source moved:\n%s\n%s", before, after)
	}
	if code, out := ablate("init", "--upgrade"); code != 0 || !strings.Contains(out, "moved") {
		t.Errorf("the upgrade exits with %d: %s", code, out)
	}
	if _, after := ablate("show", "data.text.far", "--json"); after == before {
		t.Error("the upgrade did not move the key")
	}
}
