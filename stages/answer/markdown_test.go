package answer_test

import (
	"testing"

	"ablate/stages/answer"
)

// Text of a study becomes no tag, entity, link, picture or code, and ordinary text stays.
func TestPlainMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"val_loss at step 10: +0.2 [−1.1, +1.6], p <0.001, 3 < 4 > 2": "val_loss at step 10: +0.2 [−1.1, +1.6], p <0.001, 3 < 4 > 2",
		"norm.derf.paper[\"0.3\"] × a|b, c:\\x":                       "norm.derf.paper[\"0.3\"] × a|b, c:\\x",
		"</title><script>":                                            `\</title>\<script>`,
		"<!-- x --> <?x?>":                                            `\<!-- x --> \<?x?>`,
		`\<b>`:                                                        `\\\<b>`,
		"a&lt;b &#8722; R&D; c & d;":                                  `a\&lt;b \&#8722; R\&D; c & d;`,
		"![a](http://x)":                                              `![a]\(http://x)`,
		`[a\](b)`:                                                     `[a\\]\(b)`,
		"[a][b] [b]: c":                                               `[a]\[b] [b]\: c`,
		"`x` ``<b>``":                                                 "\\`x\\` \\`\\`\\<b>\\`\\`",
		"a\n# b\x00\x1b[2Jc":                                          "a # b  [2Jc",
	} {
		if got := answer.PlainMarkdown(text); got != want {
			t.Errorf("PlainMarkdown(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"a|b": "`a\\|b`", "a`b": "`` a`b ``", "train.lm.x": "`train.lm.x`"} {
		if got := answer.MarkdownCode(text); got != want {
			t.Errorf("MarkdownCode(%q) = %q, want %q", text, got, want)
		}
	}
	if got, want := answer.MarkdownBlock("a\n```\n<b>\n\n"), "````\na\n```\n<b>\n````\n"; got != want {
		t.Errorf("MarkdownBlock = %q, want %q", got, want)
	}
	if got, want := answer.MarkdownBlock("a"), "```\na\n```\n"; got != want {
		t.Errorf("MarkdownBlock = %q, want %q", got, want)
	}
}
