package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"ablate/cache/cachetest"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

// crashing is the program on a file system that kills it, or a child of it, at one of
// its operations: the one whose number the file at holds. The file points has a byte
// for each operation so far.
func crashing() {
	dir := os.Getenv("ABLATE_CACHE_DIR")
	raw, err := os.ReadFile(dir + ".at")
	if err != nil {
		panic(err)
	}
	at, err := strconv.Atoi(string(raw))
	if err != nil {
		panic(err)
	}
	points, err := os.OpenFile(dir+".points", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	app := cli.App{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Kinds: stages.All(),
		Files: &cachetest.Faulty{
			FS: fsys.NewOS(), At: at, Crash: at > 0,
			Next: func() int {
				points.Write([]byte{0})
				n, _ := points.Seek(0, io.SeekCurrent) // behind this process's own byte
				return int(n)
			},
			Kill: func() {
				self, _ := os.FindProcess(os.Getpid())
				self.Kill()
				select {}
			},
		},
	}
	os.Exit(app.Run(context.Background(), os.Args[1:]))
}

// crashStudy writes a study with one trial.
func crashStudy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := copyStudy(dir); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "study.hcl")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	small := strings.NewReplacer("[optimizer.adamw.base, optimizer.muon.base]", "[optimizer.adamw.base]", "seed      = [1, 2]", "seed      = [1]",
		"[norm.rmsnorm.base, norm.dyt.tanh]", "[norm.dyt.tanh]").Replace(string(raw))
	if err := os.WriteFile(name, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog\n"), 100)
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// machine is a study and a store.
type machine struct{ study, store string }

// do runs a program, or this process's own App if program is "", and decodes the lines
// that it prints.
func (m machine) do(program string, args ...string) ([]line, error) {
	out, err := m.raw(program, args...)
	var lines []line
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var l line
		if err := dec.Decode(&l); err != nil {
			break // the last line of a killed process may be incomplete
		}
		lines = append(lines, l)
	}
	return lines, err
}

// raw is like do, and returns the lines as they are.
func (m machine) raw(program string, args ...string) (string, error) {
	args = append(args, "--chdir", m.study, "--json")
	environ := append(os.Environ(), "ABLATE_CACHE_DIR="+m.store)
	var out bytes.Buffer
	var err error
	if program == "" {
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: io.Discard, Kinds: stages.All(), Environ: environ}
		if code := app.Run(context.Background(), args); code != cli.ExitDone {
			err = fmt.Errorf("exit code %d", code)
		}
	} else {
		c := exec.Command(program, args...)
		c.Env, c.Stdout = environ, &out
		err = c.Run()
	}
	if err != nil {
		err = fmt.Errorf("%s %v: %w: %s", program, args, err, out.String())
	}
	return out.String(), err
}

// line is one event of the program.
type line struct {
	Type, Address, Action, Reason, Key string
	Entry                              struct {
		Key       string
		Artifacts []struct{ Name, Digest string }
	}
}

// outputs lists every artifact in the store by key.
func (m machine) outputs() (string, error) {
	lines, err := m.do("", "cache", "ls")
	var all []string
	for _, l := range lines {
		for _, a := range l.Entry.Artifacts {
			all = append(all, l.Entry.Key+" "+a.Name+" "+a.Digest)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n"), err
}

// heal collects garbage and runs the study again after a fault. Published results must
// not run again, and all outputs must be those of an undisturbed run.
func (m machine) heal(want string) error {
	before, err := m.do("", "plan")
	if err != nil {
		return err
	}
	published := make(map[string]bool)
	for _, l := range before {
		if l.Type == "plan_step" && l.Action == "hit" {
			published[l.Address] = true
		}
	}
	if _, err := m.do("", "cache", "gc", "--apply"); err != nil {
		return fmt.Errorf("collecting garbage after the fault: %w", err)
	}
	after, err := m.do("ablate", "run")
	if err != nil {
		return err
	}
	for _, l := range after {
		if l.Type == "stage_done" && published[l.Address] {
			return fmt.Errorf("%s was published, and ran again", l.Address)
		}
	}
	if _, err := m.do("", "cache", "verify"); err != nil {
		return err
	}
	if got, err := m.outputs(); err != nil || got != want {
		return fmt.Errorf("outputs %s, undisturbed %s (%v)", got, want, err)
	}
	return nil
}

// faultTable counts how disturbed runs ended.
type faultTable struct {
	mu                  sync.Mutex
	fault               string
	tried, healed, lost int
}

func (f *faultTable) add(t *testing.T, where string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried++
	if err == nil {
		f.healed++
		return
	}
	f.lost++
	t.Errorf("%s at %s: %v", f.fault, where, err)
}

func (f *faultTable) print(t *testing.T) {
	t.Logf("\n%-24s %6s %6s %6s\n%-24s %6d %6d %6d", "fault", "tried", "healed", "lost", f.fault, f.tried, f.healed, f.lost)
}

// After a run was killed at any of its operations on the store, the next run recovers.
func TestKillAtEveryWritePoint(t *testing.T) {
	study := crashStudy(t)
	run := func(name string, at int) (m machine, points int, err error) {
		m = machine{study, filepath.Join(t.TempDir(), name)}
		if err := os.WriteFile(m.store+".at", []byte(strconv.Itoa(at)), 0o600); err != nil {
			return m, 0, err
		}
		_, err = m.do("ablate-crashing", "run", "--jobs", "1")
		info, statErr := os.Stat(m.store + ".points")
		if statErr != nil {
			return m, 0, statErr
		}
		return m, int(info.Size()), err
	}
	undisturbed, points, err := run("undisturbed", 0)
	if err != nil {
		t.Fatal(err)
	}
	want, err := undisturbed.outputs()
	if err != nil {
		t.Fatal(err)
	}
	stride := 1
	if testing.Short() || os.Getenv("ABLATE_TEST_CRASHES") != "all" {
		stride = points/16 | 1
	}
	table := faultTable{fault: "killed"}
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for at := 1; at <= points; at += stride {
		g.Go(func() error {
			m, _, err := run("killed", at)
			if err == nil {
				t.Errorf("point %d of %d: the run succeeded", at, points)
			}
			table.add(t, fmt.Sprint("point ", at), m.heal(want))
			return os.RemoveAll(m.store)
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d points, every %d.", points, stride)
	table.print(t)
}

// After a run filled the disk, the next run recovers.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	mount := func(options string) error {
		return exec.Command("mount", "-t", "tmpfs", "-o", options, "none", disk).Run()
	}
	study := crashStudy(t)
	undisturbed := machine{study, filepath.Join(t.TempDir(), "undisturbed")}
	if _, err := undisturbed.do("ablate", "run"); err != nil {
		t.Fatal(err)
	}
	want, err := undisturbed.outputs()
	if err != nil {
		t.Fatal(err)
	}
	const first, step = 8, 48 // KiB
	table := faultTable{fault: "full disk"}
	for size := first; ; size += step {
		if err := mount(fmt.Sprintf("size=%dk", size)); err != nil {
			t.Skip("a file system in memory cannot be mounted here")
		}
		m := machine{study, filepath.Join(disk, "store")}
		_, full := m.do("ablate", "run")
		if full != nil {
			if !strings.Contains(full.Error(), syscall.ENOSPC.Error()) {
				t.Errorf("%d KiB: the run does not report a full disk: %v", size, full)
			}
			err := mount("remount,size=16m")
			if err == nil {
				err = m.heal(want)
			}
			table.add(t, fmt.Sprint(size, " KiB"), err)
		}
		if err := exec.Command("umount", disk).Run(); err != nil {
			t.Fatal(err)
		}
		if full == nil {
			break
		}
	}
	table.print(t)
}
