package view_test

import (
	"bytes"
	"os"
	"testing"

	"ablate/cmd/ablate/internal/view"
)

// What --json promises changes only together with its version.
func TestSchema(t *testing.T) {
	want, err := os.ReadFile("testdata/events-1.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := view.Schema(); got != string(want) {
		t.Errorf("the events are\n%s\nwant\n%s", got, want)
	}
}

func TestShow(t *testing.T) {
	for json, want := range map[bool]string{
		true:  "{\"type\":\"version\",\"ui\":\"1.0\"}\n{\"type\":\"valid\",\"study\":\"s\",\"instances\":2}\n",
		false: "The study s is valid: 2 instances.\n",
	} {
		var out bytes.Buffer
		view.New(view.Options{Stdout: &out, JSON: json}).Show(view.Valid{Study: "s", Instances: 2})
		if out.String() != want {
			t.Errorf("JSON %v: %s", json, out.String())
		}
	}
}
