package view_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
)

// A terminal on stderr puts no colours into a result that goes elsewhere.
func TestResultsWithoutColours(t *testing.T) {
	plan := &pipeline.Plan{Steps: []*pipeline.Step{{Action: pipeline.Run}}}
	for _, want := range []bool{false, true} {
		var out bytes.Buffer
		v := view.New(view.Options{Stdout: &out, Color: true, ColorResults: want})
		v.Text(v.Plan(plan))
		if got := strings.Contains(out.String(), "\x1b["); got != want {
			t.Errorf("colours in %q: %v, want %v", out.String(), got, want)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLost(t *testing.T) {
	for _, json := range []bool{false, true} {
		v := view.New(view.Options{Stdout: full{}, JSON: json})
		v.Text("a result")
		v.Object("a result")
		if v.Lost() == nil {
			t.Errorf("JSON %v: a result is lost, and nothing says so", json)
		}
	}
}
