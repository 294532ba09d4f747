package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration that cannot be found may name trusted keys, so no remote is used
// without it.
func TestRemoteNeedsTheConfiguration(t *testing.T) {
	elsewhere := t.TempDir()
	for _, sub := range []string{"file/ablate", "folder"} {
		if err := os.MkdirAll(filepath.Join(elsewhere, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"file/ablate/config.hcl", "folder/ablate", "gone"} {
		if err := os.Symlink(filepath.Join(elsewhere, "nowhere"), filepath.Join(elsewhere, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, home, xdg, want string }{
		{"neither", "", "", "set HOME, or set XDG_CONFIG_HOME"},
		{"relative", "/no-home", "config", "XDG_CONFIG_HOME to an absolute path"},
		{"link to no file", "/no-home", filepath.Join(elsewhere, "file"), "config.hcl"},
		{"link to no folder", "/no-home", filepath.Join(elsewhere, "folder"), "config.hcl"},
		{"link above", "/no-home", filepath.Join(elsewhere, "gone"), "config.hcl"},
	} {
		t.Setenv("HOME", tt.home)
		t.Setenv("XDG_CONFIG_HOME", tt.xdg)
		l := emptyLab(t)
		s, _, _ := l.session("ABLATE_REMOTE=file://" + t.TempDir())
		if r, err := s.openRemote(t.Context(), nil); r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: openRemote = %v, %v, want an error about %q", tt.name, r, err, tt.want)
		}
		if tt.name == "neither" || tt.name == "relative" {
			s, _, _ = l.session()
			if err := (cacheServeRequest{Listen: "127.0.0.1:0"}).do(t.Context(), s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: cache serve = %v", tt.name, err)
			}
			s, _, _ = l.session()
			if _, err := s.config(); err != nil {
				t.Errorf("%s: without a remote: %v", tt.name, err)
			}
		}
	}
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(elsewhere, "nowhere"))
	s, _, _ := emptyLab(t).session("ABLATE_REMOTE=file://" + t.TempDir())
	if r, err := s.openRemote(t.Context(), nil); r == nil || err != nil {
		t.Errorf("without a configuration: %v", err)
	}
}

// A store that is its own remote would share damage with itself.
func TestRemoteIsNotTheStore(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	l := emptyLab(t)
	inside := filepath.Join(l.store, "tmp", "shared")
	link := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.MkdirAll(inside, 0o700), os.Symlink(l.store, link)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{l.store, l.store + "/", link, inside} {
		s, _, _ := l.session("ABLATE_REMOTE=file://" + dir)
		if r, err := s.openRemote(t.Context(), nil); r != nil || err == nil || !strings.Contains(err.Error(), "folder of the store") {
			t.Errorf("openRemote of %s = %v, %v", dir, r, err)
		}
	}
}

// Trust is in the bytes of a file at a place: neither another folder with the same file
// nor a path that looks like a line of the list comes with it.
func TestTrustIsForOneFile(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	configure := func(dir, text string) lab {
		l := lab{dir: dir, store: t.TempDir()}
		if err := os.MkdirAll(filepath.Join(dir, ".ablate"), 0o700); err != nil {
			t.Fatal(err)
		}
		l.write(t, ".ablate/config.hcl", text)
		return l
	}
	trusts := func(l lab) bool {
		t.Helper()
		s, _, stderr := l.session()
		if _, err := s.config(); err != nil {
			t.Fatal(err)
		}
		return !strings.Contains(stderr.String(), "Untrusted")
	}
	accept := func(dir string) error {
		s, _, _ := emptyLab(t).session()
		return trustRequest{dir}.do(t.Context(), s)
	}
	const text = "remote {\n  url = \"file:///x\"\n}\n"
	mine := configure(t.TempDir(), text)
	if trusts(mine) {
		t.Error("a configuration is trusted from the start")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(mine.dir, link); err != nil {
		t.Fatal(err)
	}
	if err := accept(link); err != nil || !trusts(mine) || !trusts(lab{dir: link, store: mine.store}) {
		t.Errorf("a configuration that was trusted is not: %v", err)
	}
	if trusts(configure(t.TempDir(), text)) {
		t.Error("another folder's copy is trusted with it")
	}
	if trusts(configure(mine.dir, text+"cache {}\n")) {
		t.Error("a changed configuration is trusted")
	}

	evil := configure(t.TempDir(), "executor \"local\" \"x\" {}\n")
	_, line, err := trustLine(folderConfig(evil.dir))
	if err != nil {
		t.Fatal(err)
	}
	harmless := configure(filepath.Join(t.TempDir(), "a\n"+line+"\n"), text)
	if err := accept(harmless.dir); err != nil || !trusts(harmless) {
		t.Errorf("a folder with a newline in its name is not trusted: %v", err)
	}
	if trusts(evil) {
		t.Error("the name of a folder made another one trusted")
	}
}
