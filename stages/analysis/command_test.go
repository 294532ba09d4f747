package analysis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/pipeline"
	"ablate/pipeline/source"
)

// A declared file does not replace the table of the trials.
func TestReservedFilesOfACommand(t *testing.T) {
	study := t.TempDir()
	for name, want := range map[string]string{"trials.csv": "Reserved name", "./metrics.csv": "Reserved name", "more.csv": ""} {
		if err := os.WriteFile(filepath.Join(study, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		env := &pipeline.Env{Inputs: pipeline.Inputs{Sources: source.Folder{Dir: study}, Study: pipeline.StudyInfo{Dir: study}}}
		err := (&Command{Files: []string{name}}).prepare(env, t.TempDir())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with %s: %v, want %q", name, err, want)
		}
	}
}
