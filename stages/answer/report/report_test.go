package report_test

import (
	"strings"
	"testing"

	"ablate/stages/answer/report"
)

var origins = []report.Origin{{
	Address: `train.lm.a["seed=1"]`, Key: strings.Repeat("a", 64), Result: "sha256:" + strings.Repeat("b", 64),
	Host: "node<1>", Finished: "2026-01-02 03:04:05 UTC", Seconds: 1.25, Repeats: "repeated once", Recompute: "ablate run --target 'x'",
}}

func TestHTMLEscapesAndReplacesTheMarker(t *testing.T) {
	got, err := report.HTML([]byte(`<h1>R</h1><template id="provenance"></template><footer>`), origins)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h1>R</h1><section", "node&lt;1&gt;", "<code>aaaaaaaaaaaa</code>", "<code>sha256:bbbbbbbbbbbb</code>", "repeated once", "</section><footer>"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the page has no %q:\n%s", want, got)
		}
	}
}

func TestMarkdownAppendsATable(t *testing.T) {
	got, err := report.Markdown([]byte("# R\n"), origins)
	if err != nil {
		t.Fatal(err)
	}
	want := "| `train.lm.a[\"seed=1\"]` | " + origins[0].Key + " | " + origins[0].Result + " | 2026-01-02 03:04:05 UTC on node<1> | 1.2 | repeated once |\n"
	if !strings.HasPrefix(string(got), "# R\n\n## Provenance\n") || !strings.HasSuffix(string(got), want) {
		t.Errorf("Markdown = %s", got)
	}
}
