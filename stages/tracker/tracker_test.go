package tracker_test

import (
	"io/fs"
	"path/filepath"
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

// Names that the file system cannot hold beside each other do not replace each other.
func TestNamesOfFiles(t *testing.T) {
	metrics := []string{"x_y/z", "x{y", "a", "a/b", "a_b", "A", "Loss", "loss", "c/d", "C"}
	run := func(name string) tracker.Run {
		r := tracker.Run{ID: name, Stage: "trial", Name: name, Tags: map[string]string{}}
		for i, m := range metrics {
			r.Values = append(r.Values, tracker.Value{Step: i, Metric: m, Number: 1})
		}
		return r
	}
	runs := tracker.Runs{Study: "s", Metrics: metrics, Each: func(yield func(tracker.Run, error) bool) {
		_ = yield(run("norm=A"), nil) && yield(run("norm=a"), nil)
	}}
	for format, want := range map[string]int{"mlflow": 2 * len(metrics), "tensorboard": 2} {
		dir := t.TempDir()
		if _, _, err := runs.Write(dir, format); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		var written []string
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if !d.IsDir() && (strings.Contains(path, "/metrics/") || strings.Contains(path, "tfevents")) {
				written = append(written, path)
			}
			return err
		})
		if err != nil || len(written) != want {
			t.Errorf("%s: %v, %d files, want %d: %q", format, err, len(written), want, written)
		}
	}
}
