package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A study that came from elsewhere does not make a run send the user's files: data from
// outside its folder is sent on request, or once the folder is trusted.
func TestDataFromOutsideIsNotPushed(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	outside := filepath.Join(t.TempDir(), "runs.csv")
	if err := os.WriteFile(outside, []byte(runs), 0o600); err != nil {
		t.Fatal(err)
	}
	l, remote := emptyLab(t), t.TempDir()
	pushed := func() bool { // whether the remote has the data
		found := false
		filepath.WalkDir(filepath.Join(remote, "ac"), func(path string, _ os.DirEntry, _ error) error {
			raw, _ := os.ReadFile(path)
			found = found || strings.Contains(string(raw), `"block":"data"`)
			return nil
		})
		return found
	}
	run := func() string {
		t.Helper()
		s, _, stderr := l.session("ABLATE_REMOTE=file://"+remote, "ABLATE_REMOTE_PUSH=true")
		if err := (runRequest{runOptions: runOptions{Progress: "none"}}).do(t.Context(), s); err != nil {
			t.Fatal(err, stderr)
		}
		return stderr.String()
	}
	study := func(source string) {
		l.write(t, "study.hcl", strings.Replace(finished, `"runs.csv"`, `"`+source+`"`, 1))
	}

	study(outside)
	if notes := run(); pushed() || !strings.Contains(notes, "Not pushed: 1 entry") || !strings.Contains(notes, outside) {
		t.Errorf("pushed %v from outside, and the run says:\n%s", pushed(), notes)
	}
	if err := os.Symlink(outside, filepath.Join(l.dir, "link.csv")); err != nil {
		t.Fatal(err)
	}
	l.store = t.TempDir()
	remote = t.TempDir()
	study("link.csv")
	if notes := run(); pushed() || !strings.Contains(notes, "Not pushed: 1 entry") {
		t.Errorf("pushed %v through a link, and the run says:\n%s", pushed(), notes)
	}
	s, _, stderr := l.session("ABLATE_REMOTE=file://" + remote)
	if err := (cachePushRequest{}).do(t.Context(), s); err != nil || !pushed() {
		t.Errorf("pushed %v on request: %v\n%s", pushed(), err, stderr)
	}

	if err := os.Mkdir(filepath.Join(l.dir, ".ablate"), 0o700); err != nil {
		t.Fatal(err)
	}
	l.write(t, ".ablate/config.hcl", "")
	s, _, _ = l.session()
	if err := (trustRequest{l.dir}).do(s); err != nil {
		t.Fatal(err)
	}
	l.store = t.TempDir()
	remote = t.TempDir()
	if notes := run(); !pushed() || strings.Contains(notes, "Not pushed") {
		t.Errorf("pushed %v from a trusted folder, and the run says:\n%s", pushed(), notes)
	}
}
