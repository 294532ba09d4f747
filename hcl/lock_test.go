package hcl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/hcl/study"
)

func readLock(t testing.TB, text string) (hcl.Lock, diag.List) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, study.LockFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return hcl.ReadLock(dir)
}

var aLock = hcl.Lock{
	Pins: []study.Pin{{Source: "s3://b/a", URL: "s3://b/a?versionId=1", SHA256: strings.Repeat("0", 64), Content: strings.Repeat("a", 64), Size: 3}},
	Frozen: []study.Frozen{{Address: "analysis.factorial.a", Time: "2026-01-02T03:04:05Z", Known: 1, Trials: 4,
		Contrasts: map[string]string{"one": strings.Repeat("1", 64), "two": strings.Repeat("2", 64)}}},
}

func TestLock(t *testing.T) {
	lock, list := readLock(t, string(hcl.FormatLock(aLock)))
	lock.Text = nil
	if diff := cmp.Diff(aLock, lock); diff != "" || list != nil {
		t.Errorf("ReadLock reports %v and reads (-want +got):\n%s", list, diff)
	}
	if lock, list := readLock(t, ""); len(lock.Pins)+len(lock.Frozen)+len(list) > 0 {
		t.Errorf("an empty lock: %+v, %v", lock, list)
	}
	if lock, list := hcl.ReadLock(t.TempDir()); len(lock.Pins)+len(lock.Frozen)+len(list) > 0 || lock.Text != nil {
		t.Errorf("no lock: %+v, %v", lock, list)
	}
}

// An error in a lock has its line, and says what corrects it.
func TestDamagedLock(t *testing.T) {
	whole := string(hcl.FormatLock(aLock))
	const repin, restore, newer = "ablate init --upgrade", "version control", "A newer version of ablate may have written it"
	for name, c := range map[string]struct {
		old, by string
		line    int
		want    string
		step    string
		repins  bool // ablate init --upgrade corrects it
	}{
		"sha256":         {`sha256  = "`, `sha256  = "x`, 6, `sha256 of "s3://b/a" is not a SHA-256`, repin, true},
		"content":        {"aaa", "AAA", 7, `content of "s3://b/a" is not a SHA-256`, repin, true},
		"size":           {"= 3", "= -3", 8, `size of "s3://b/a" is negative`, repin, true},
		"a size in text": {"= 3", `= "many"`, 8, "size: ", repin, true},
		"no size":        {"size    = 3", "", 4, `"size" is required`, repin, true},
		"a variable":     {`"s3://b/a?versionId=1"`, "var.a", 5, "Variables", repin, true},
		"twice":          {"frozen", whole[strings.Index(whole, "source \"s3"):strings.Index(whole, "frozen")] + "frozen", 11, "already pinned above", repin, true},

		"a declaration":       {"222", "xyz", 15, `contrasts for "two"`, restore, false},
		"no time":             {`time   = "2026-01-02T03:04:05Z"`, "", 11, `"time" is required`, restore, false},
		"frozen twice":        {"frozen", whole[strings.Index(whole, "frozen"):] + "frozen", 20, "already frozen above", "Keep the older", false},
		"truncated":           {whole[200:], "", 5, "", restore, false},
		"another field":       {"size ", "colour = 1\nsize ", 8, `"colour"`, newer, false},
		"a field of the file": {`source "`, "version = 2\nsource \"", 4, `"version"`, newer, false},
		"a misspelt block":    {`source "`, "sorce \"x\" {}\nsource \"", 4, `Did you mean "source"?`, newer, false},
		"another block":       {`source "`, "sealed \"x\" {}\nsource \"", 4, `"sealed"`, newer, false},
		"a conflict":          {`source "`, "<<<<<<< HEAD\nsource \"", 4, "Remove the conflict markers", "of frozen blocks, keep the older", false},
		"half a conflict":     {"  size ", "=======\n  size ", 8, "Remove the conflict markers", "of frozen blocks, keep the older", false},
		"no text":             {whole, "\xff\xfe\x00\x01\n\xff", 1, "UTF-8", restore, false},
	} {
		t.Run(name, func(t *testing.T) {
			lock, list := readLock(t, strings.Replace(whole, c.old, c.by, 1))
			if c.repins != (list == nil) {
				t.Fatalf("ReadLock = %v, and %v of pins", list, lock.Damaged)
			}
			all := append(list, lock.Damaged...)
			if len(all) != 1 || all[0].Range == nil || all[0].Range.Filename != study.LockFile || all[0].Range.Start.Line != c.line {
				t.Fatalf("got %+v, want one error in line %d", all, c.line)
			}
			for _, want := range []string{c.want, c.step} {
				if !strings.Contains(all[0].Detail, want) {
					t.Errorf("got %q, want %q", all[0].Detail, want)
				}
			}
		})
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, study.LockFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, list := hcl.ReadLock(dir); list.Err() == nil || !strings.Contains(list.Err().Error(), "must be a regular file") {
		t.Errorf("a folder: %v", list)
	}
}

func FuzzLock(f *testing.F) {
	f.Add(string(hcl.FormatLock(aLock)))
	f.Fuzz(func(t *testing.T, text string) {
		lock, list := readLock(t, text)
		if len(list)+len(lock.Damaged) > 0 {
			return
		}
		again, list := readLock(t, string(hcl.FormatLock(lock)))
		if fmt.Sprint(again.Pins, again.Frozen) != fmt.Sprint(lock.Pins, lock.Frozen) || list != nil {
			t.Errorf("%+v becomes %+v, %v", lock, again, list)
		}
	})
}
