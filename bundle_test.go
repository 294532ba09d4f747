package ablate_test

import (
	"archive/tar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A bundle of another format, or a file that is none, is refused before anything is
// trained, and stays as it is.
func TestBundlesOfAnotherFormat(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed for this test; Debian has it in the package python3-minimal")
	}
	for name, c := range map[string]struct{ about, want string }{
		"a later format": {`{"format": 99, "calls": [], "var": []}`, "has format 99, and this gpu-study reads 1: use the gpu-study that wrote it"},
		"no format":      {`{}`, "has format None"},
		"damaged":        {`{"format": 1`, "is not a bundle, or is damaged"},
	} {
		bundle := filepath.Join(t.TempDir(), "study.tar.xz")
		f, err := os.Create(bundle)
		if err != nil {
			t.Fatal(err)
		}
		w := tar.NewWriter(f)
		if err := w.WriteHeader(&tar.Header{Name: "about.json", Mode: 0o600, Size: int64(len(c.about))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(c.about)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(bundle)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(python, "scripts/gpu-study", "--minutes", "1", "--bundle", bundle, "--binary", "/nowhere/ablate").CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, it says\n%s\nwant %q", name, err, out, c.want)
		}
		if after, err := os.ReadFile(bundle); err != nil || string(after) != string(before) {
			t.Errorf("%s: the bundle changed (%v)", name, err)
		}
	}
}
