package tracker_test

import (
	"strings"
	"testing"

	"ablate/stages/tracker"
)

// Of several levels that are too long, the message always names the same one.
func TestLevelsTooLong(t *testing.T) {
	long := strings.Repeat("x", 6001)
	run := tracker.Run{ID: "trial", Stage: "trial", Parameters: map[string]string{"c": long, "a": long, "b": long, "0": "1"}, Tags: map[string]string{}}
	runs := tracker.Runs{Study: "s", Parameters: []string{"0", "a", "b", "c"}, Each: func(yield func(tracker.Run, error) bool) { yield(run, nil) }}
	for range 20 {
		if _, _, err := runs.Write(t.TempDir(), "mlflow"); err == nil || !strings.Contains(err.Error(), "the level of a is longer") {
			t.Fatalf("Write = %v, want an error that names a", err)
		}
	}
}
