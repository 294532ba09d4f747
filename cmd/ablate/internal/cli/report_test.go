package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Levels and labels of a study become no HTML, neither on the page nor in the Markdown.
func TestReportsHoldNoForeignHTML(t *testing.T) {
	l := emptyLab(t)
	l.write(t, "study.hcl", strings.NewReplacer(`analysis "factorial" "effects" {`, "analysis \"factorial\" \"effects\" {\n  label = \"A</title><script>\"",
		`analysis "report" "page" {`, "analysis \"report\" \"page\" {\n  title = \"T<script>\"\n  text = \"![x](http://x)<script>\"").Replace(finished))
	l.write(t, "runs.csv", strings.NewReplacer("\na,", "\n<script>,", "\nb,", "\n`|<script>,").Replace(runs))
	if _, stderr, err := l.do(t, runRequest{runOptions: runOptions{Progress: "none"}}); err != nil {
		t.Fatal(err, stderr)
	}
	to := t.TempDir()
	if _, stderr, err := l.do(t, reportRequest{To: to}); err != nil {
		t.Fatal(err, stderr)
	}
	raw, err := os.ReadFile(filepath.Join(to, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), `\<script>`, "")
	for _, bad := range []string{"<script", "A</title", "](http"} {
		if strings.Contains(text, bad) {
			t.Errorf("report.md holds %s:\n%s", bad, raw)
		}
	}
	if !strings.Contains(string(raw), "\\`\\|\\<script>") {
		t.Errorf("report.md lacks the level:\n%s", raw)
	}
}
