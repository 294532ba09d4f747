package ui_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ablate/cmd/ablate/internal/ui"
)

// axe is the source of axe-core.
func axe(t *testing.T) string {
	t.Helper()
	f, err := os.Open("testdata/axe.min.js.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("testdata/axe.README.md")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(raw); !strings.Contains(string(readme), hex.EncodeToString(sum[:])) {
		t.Error("testdata/axe.README.md has another digest than the file")
	}
	return string(raw)
}

// accessible fails the test for what axe-core finds on the page, by the rules of WCAG
// 2.1 AA.
func (b *browser) accessible(source, what string) {
	b.t.Helper()
	b.js("(() => { " + source + "; return 1 })()")
	b.js(`(window.found = "", axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}).then(r => {
		window.found = r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target + " " + n.failureSummary).slice(0, 3).join("; ")).join("\\n") || "none" }), 1)`)
	b.wait(`window.found !== ""`)
	if found := b.js("window.found"); found != "none" {
		b.t.Errorf("%s: %s", what, found)
	}
}

func TestPageIsAccessible(t *testing.T) {
	source := axe(t)
	b := newBrowser(t)
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 0), 5, 4, 3)
	failing := trial(rudeNorm, 0)
	l.tell("stage_start", failing, nil)
	l.fail(failing, "it broke")
	s, _ := l.serve(ui.Options{Plan: l.plan})
	b.do(chromedp.Navigate("about:blank"))
	for _, scheme := range []string{"light", "dark"} {
		b.size(1280, scheme)
		b.open(s.URL())
		b.wait(`document.querySelectorAll(".tile.failed").length === 1`)
		b.accessible(source, scheme)
		b.js(`document.querySelector(".tile.cached").click()`)
		b.wait(`document.querySelector("#detail h3") !== null`)
		b.accessible(source, scheme+", with a trial")
	}
}
