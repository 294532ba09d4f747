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
		refused(t, name, c.want, "gpu-study", "--minutes", "1", "--bundle", bundle, "--binary", "go.mod")
		if after, err := os.ReadFile(bundle); err != nil || string(after) != string(before) {
			t.Errorf("%s: the bundle changed (%v)", name, err)
		}
	}
}

// The scripts for GPUs refuse what cannot work before they take time on one, and pass on
// what the program says.
func TestGPUScriptsRefuse(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "ablate")
	const fake = `#!/bin/sh
if [ "$1" = version ]; then
  echo '{"type":"backend","backend":"go","usable":true}'
  exit
fi
echo '{"type":"diagnostic","severity":"error","summary":"Too little text","detail":"Use more."}'
echo '{"type":"cut o'
exit 1
`
	if err := os.WriteFile(program, []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	bundle, out := filepath.Join(dir, "study.tar.xz"), filepath.Join(dir, "check.json")
	study := []string{"--minutes", "1", "--bundle", bundle, "--binary", program}
	check := []string{"--backend", "go", "--sizes", "none", "--text", "go.mod", "--binary", program}
	for want, command := range map[string][]string{
		"error: there is no file nowhere":                              append([]string{"gpu-study", "--text", "nowhere"}, study...),
		"error: there is no file other":                                {"gpu-study", "--minutes", "1", "--bundle", bundle, "--binary", "other"},
		"yet: begin one with --text":                                   append([]string{"gpu-study"}, study...),
		"error: there is no study in docs":                             append([]string{"gpu-study", "--text", "go.mod", "--study", "docs"}, study...),
		"plan --refresh ends with 1: Too little text: Use more.\n":     append([]string{"gpu-study", "--text", "go.mod"}, study...),
		"parity: ablate run ends with 1: Too little text: Use more.\n": append([]string{"gpu-check", "--out", out}, check...),
		"error: there is no folder " + dir + "/nowhere":                append([]string{"gpu-check", "--out", dir + "/nowhere/check.json"}, check...),
	} {
		refused(t, want, want, command[0], command[1:]...)
	}
}

// A device on which a short trial ends before it can be killed: a longer one is killed instead.
func TestGPUCheckKillsOnTheWay(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "ablate")
	const fake = `#!/bin/sh
command=$1
while [ "$1" != --chdir ]; do shift; done
steps=$(sed -n 's/^ *steps *= //p' "$2/study.hcl" 2>/dev/null)
case $command in
version) echo '{"type":"backend","backend":"go","usable":true}' ;;
plan) echo '{"type":"plan_step","address":"train.lm.trial","action":"resume"}' ;;
show) echo '{"key":"k","artifacts":[]}' ;;
run)
  if [ "$steps" = 4000 ]; then
    echo '{"type":"stage_progress","block":"train","step":1000}'
    if mkdir "$2/begun"; then exec sleep 60; fi
  else
    echo '{"type":"stage_progress","block":"train","step":'"$steps"'}'
  fi ;;
esac
`
	if err := os.WriteFile(program, []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	const want = "resume: killed after 1000 of 4000 steps, then resume: same key and digests"
	// No losses: parity fails, and with it the script.
	refused(t, "resume", want, "gpu-check", "--backend", "go", "--sizes", "none", "--text", "go.mod", "--binary", program, "--out", filepath.Join(dir, "check.json"))
}

// refused runs a script that must fail with a message, and with no trace of Python's.
func refused(t *testing.T, name, want, script string, args ...string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed for this test; Debian has it in the package python3-minimal")
	}
	out, err := exec.Command(python, append([]string{"scripts/" + script}, args...)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "Traceback") {
		t.Errorf("%s: %v, it says\n%s\nwant %q", name, err, out, want)
	}
}
