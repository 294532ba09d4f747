package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/pipeline"
)

// abandon makes a scratch folder whose owner was killed.
func abandon(t *testing.T, env *pipeline.Env) Scratch {
	t.Helper()
	s, err := NewScratch(env)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("result"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.lock.file.Close()
	return s
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// Anyone can make a file beside a folder, so a name alone gives nothing up: what killed
// processes left is removed, also where the path has characters of patterns.
func TestAbandonedScratchIsRemoved(t *testing.T) {
	tmp := filepath.Join(t.TempDir(), "a[b]*")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	var warned []string
	env := &pipeline.Env{Warn: func(s string) { warned = append(warned, s) }}
	left := abandon(t, env)

	form := func(mark string) string { // of the folders that this user makes
		return filepath.Join(tmp, scratchPrefix+scratchOwner()+"-0123456789abcdef-"+mark)
	}
	target := filepath.Join(t.TempDir(), "target")
	link, unmarked := form("00000001"), form("00000002")
	others := []string{filepath.Join(tmp, "ablate-store"), filepath.Join(tmp, "ablate-x-00000000-0123456789abcdef-00000000"), unmarked, target}
	for _, dir := range others {
		if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(target, scratchMarker), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(others[:3:3], link) {
		if err := os.WriteFile(dir+lockSuffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	s, err := NewScratch(env)
	if err != nil {
		t.Fatal(err)
	}
	if exists(left.folder) || exists(left.folder+lockSuffix) {
		t.Errorf("%s of a killed process was not removed", left.folder)
	}
	for _, dir := range others {
		if !exists(filepath.Join(dir, "blobs")) {
			t.Errorf("%s was removed, which is no scratch folder", dir)
		}
	}
	if text := strings.Join(warned, "\n"); !strings.Contains(text, unmarked) || !strings.Contains(text, link) {
		t.Errorf("warned of %q, want of %s and %s", text, unmarked, link)
	}
	s.Remove()
	if exists(s.folder) || exists(s.folder+lockSuffix) {
		t.Errorf("%s is left", s.folder)
	}
}

// A folder that cannot be removed is reported, and a later process tries again.
func TestScratchThatStays(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var warned []string
	env := &pipeline.Env{Warn: func(s string) { warned = append(warned, s) }}
	s, err := NewScratch(env)
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(t.TempDir(), "aside")
	if err := errors.Join(os.Rename(s.folder, aside), os.Symlink(aside, s.folder)); err != nil {
		t.Fatal(err)
	}
	s.Remove()
	if len(warned) != 1 || !strings.Contains(warned[0], s.folder) || !exists(s.folder+lockSuffix) {
		t.Fatalf("warned of %q, want of %s, which keeps its lock", warned, s.folder)
	}
	if err := errors.Join(os.Remove(s.folder), os.Rename(aside, s.folder)); err != nil {
		t.Fatal(err)
	}
	next, err := NewScratch(env)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Remove()
	if exists(s.folder) || exists(s.folder+lockSuffix) {
		t.Errorf("%s was not removed by the next process", s.folder)
	}
}
