package analysis

import (
	"strings"
	"testing"
)

// A declared file replaces no table of the trials, and is no output.
func TestReservedFilesOfACommand(t *testing.T) {
	for name, want := range map[string]string{"trials.csv": "Reserved name", "./metrics.csv": "Reserved name", "plot.svg": "Reserved name", "more.csv": ""} {
		err := (&Command{Command: []string{"true"}, Files: []string{name}, Outputs: []string{"plot.svg"}}).Validate().Err()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with %s: %v, want %q", name, err, want)
		}
	}
}
