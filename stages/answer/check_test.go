package answer_test

import (
	"testing"

	"ablate/stages/answer"
)

// A printed number agrees with a value that rounds to it as it is printed.
func TestAgrees(t *testing.T) {
	for _, tt := range []struct {
		text  string
		value float64
		now   string
		want  bool
	}{
		{"0.659", 0.6594, "0.659", true}, {"0.66", 0.6594, "0.66", true}, {"0.660", 0.6594, "0.659", false},
		{"$-0.012$", -0.0121, "-0.012", true}, {"12\\%", 0.118, "12", true}, {"1.2e-3", 0.00123, "1.2e-03", true}, {"about one", 1, "1.0000", false},
	} {
		if now, ok := answer.Agrees(tt.text, tt.value); now != tt.now || ok != tt.want {
			t.Errorf("Agrees(%q, %v) = %q, %v", tt.text, tt.value, now, ok)
		}
	}
}

func TestMentions(t *testing.T) {
	got := answer.Mentions("paper.tex", []byte("% \\ablate{a/b}\n\\ablatenum{c/d}{1.5} and \\ablate[3]{e/f}"))
	if len(got) != 2 || got[0].Name != "c/d" || got[0].Text != "1.5" || got[1].Name != "e/f" {
		t.Errorf("Mentions = %+v", got)
	}
}
