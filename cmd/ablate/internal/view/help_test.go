package view_test

import (
	"bytes"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/view"
)

// Help fits the terminal: paragraphs are joined and broken at words, and what lists say stays
// in its column. Commands stay whole.
func TestHelp(t *testing.T) {
	const text = "run does several things, which this sentence says\nin two lines.\n\nExamples:\n  ablate run --var corpus=text.txt --var steps=100\n\n" +
		"Flags:\n      --jobs int   number of actions at a time on this machine\n"
	for width, want := range map[int]string{
		0: text,
		40: "run does several things, which this\nsentence says in two lines.\n\nExamples:\n  ablate run --var corpus=text.txt --var steps=100\n\n" +
			"Flags:\n      --jobs int\n          number of actions at a time on\n          this machine\n",
		50: "run does several things, which this sentence says\nin two lines.\n\nExamples:\n  ablate run --var corpus=text.txt --var steps=100\n\n" +
			"Flags:\n      --jobs int   number of actions at a time on\n                   this machine\n",
	} {
		var out bytes.Buffer
		view.New(view.Options{Stdout: &out, Stderr: &out, Columns: width, JSON: true}).Help(text)
		if got := out.String(); strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
			t.Errorf("in %d columns:\n%s\nwant\n%s", width, got, want)
		}
	}
}
