//go:build unix

package launch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
)

// hosts launches actions over an ssh that runs children here, which answerAll plays.
type hosts struct {
	*bench
	ssh *launch.SSH
}

func newHosts(t *testing.T, gpus, jobs int, names ...string) *hosts {
	b := newBench(t)
	dir := t.TempDir()
	program := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program("ssh", `while [ "$1" = -o ]; do shift 2; done
host=$1; shift
[ $host = down ] && { echo "no route to down" >&2; exit 255; }
[ $host = lost ] && { echo '{"started":{}}'; echo "computed by lost" >&2; exit 255; }
exec sh -c "$*"
`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return &hosts{b, &launch.SSH{
		Config:  study.Executor{Label: "lab", Hosts: names, GPUs: gpus, Jobs: jobs, Shared: true},
		Program: program("ablate", "TMPDIR=/serve exec "+os.Args[0]+"\n"), Logs: t.TempDir(), Lease: b.lease, Idle: b.idle,
	}}
}

func (h *hosts) run(typ, process string, key byte, gpus int) (pid int, device string, err error) {
	req := action.Request{Type: typ, Key: cache.Key{key}, Reusable: true, Affinity: pipeline.Affinity{Process: process}, Resources: study.Resources{GPUs: gpus}}
	err = h.ssh.Launch(h.t.Context(), req, func(p pipeline.Progress) {
		if p.Step > 0 {
			pid, device = p.Step, p.Waits
		}
	})
	return pid, device, err
}

func (h *hosts) must(process string, key byte, gpus int) (pid int, device string) {
	h.t.Helper()
	pid, device, err := h.run("ok", process, key, gpus)
	if err != nil || pid == 0 {
		h.t.Fatalf("process %d, %v", pid, err)
	}
	return pid, device
}

// A host keeps a child that opened a device, with its slot and its GPU, until another
// action needs them.
func TestHostsKeepChildren(t *testing.T) {
	h := newHosts(t, 1, 0, "n1")
	first, device := h.must("xla", 1, 1)
	if device != "0" || h.leases() != 2 {
		t.Fatalf("the idle child has device %q, and %d leases are held; want 0 and a slot and a GPU", device, h.leases())
	}
	if pid, _ := h.must("xla", 2, 1); pid != first {
		t.Errorf("process %d computed the second action, want %d", pid, first)
	}
	other, device := h.must("xla deterministic", 3, 1)
	if other == first || device != "0" || h.leases() != 2 {
		t.Errorf("another kind of action ran in process %d on device %q and left %d leases", other, device, h.leases())
	}
	if err := syscall.Kill(first, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the first process still has the device: %v", err)
	}
	if pid, _ := h.must("", 4, 1); pid == other || h.leases() != 0 {
		t.Errorf("an action without affinity ran in process %d and left %d leases", pid, h.leases())
	}
}

// When an action is done, its log has all that its child wrote, and nothing of another
// action, although the log arrives through another pipe than the answer.
func TestLogsFromHosts(t *testing.T) {
	h := newHosts(t, 1, 0, "n1")
	first, _ := h.must("xla", 0, 1)
	want := fmt.Sprintf("computed by %d\n", first)
	for key := range byte(100) {
		h.must("xla", key, 1)
		if log, err := os.ReadFile(h.ssh.LogPath(cache.Key{key})); err != nil || string(log) != want {
			t.Fatalf("the log of action %d is %q, %v, want %q", key, log, err, want)
		}
	}
}

// A child is not kept if the end of its log does not arrive.
func TestLogsFromHostsWithoutEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for as long as a log may take to arrive")
	}
	h := newHosts(t, 1, 0, "n1")
	first, _, err := h.run("no end of the log", "xla", 1, 1)
	if err != nil || h.leases() != 0 {
		t.Errorf("the action ended with %v and left %d leases", err, h.leases())
	}
	if second, _ := h.must("xla", 1, 1); second == first {
		t.Error("the process computed another action")
	}
}

// An action that waits for a host leaves idle children on other hosts alone.
func TestHostsMakeRoomOnTheirOwn(t *testing.T) {
	h := newHosts(t, 1, 0, "n2")
	first, _ := h.must("xla", 1, 1)
	release, ok, err := h.lease("ssh n1 slot 0") // another run has it
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	h.ssh.Config.Hosts = []string{"n1"}
	ctx, cancel := context.WithCancel(t.Context())
	req := action.Request{Type: "ok", Key: cache.Key{2}, Resources: study.Resources{GPUs: 1}}
	if err := h.ssh.Launch(ctx, req, func(pipeline.Progress) { cancel() }); !errors.Is(err, context.Canceled) { // it waits
		t.Errorf("without a free slot, an action ended with %v", err)
	}
	release()
	h.ssh.Config.Hosts = []string{"n2"}
	if second, _ := h.must("xla", 1, 1); second != first {
		t.Error("the child on n2 was ended")
	}
}

// A child on a host that failed computes nothing more, and one that died while it was
// idle is replaced.
func TestChildrenOnHostsAreHealthy(t *testing.T) {
	h := newHosts(t, 1, 0, "n1")
	first, _ := h.must("xla", 1, 1)
	if pid, _, err := h.run("fail", "xla", 1, 1); err == nil || pid != first || h.leases() != 0 {
		t.Errorf("a failure in process %d of %d: %v, with %d leases left", pid, first, err, h.leases())
	}
	second, _ := h.must("xla", 1, 1)
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if third, device := h.must("xla", 1, 1); third == second || device != "0" {
		t.Errorf("after a kill, process %d ran on device %q", third, device)
	}
	if _, _, err := h.run("die", "xla", 1, 1); err == nil || !strings.Contains(err.Error(), "exit status 3") || h.leases() != 0 {
		t.Errorf("an action that kills each process: %v, with %d leases left", err, h.leases())
	}
}

// An action whose connection breaks is computed on another host, and fails if that
// happens three times.
func TestHostsLoseTheConnection(t *testing.T) {
	h := newHosts(t, 1, 0, "down", "lost", "n1")
	h.must("", 1, 1)
	h.ssh.Config.Hosts = []string{"lost"}
	_, _, err := h.run("ok", "", 2, 1)
	if err == nil || !strings.Contains(err.Error(), "the connection to lost broke") || h.leases() != 0 {
		t.Errorf("the action ends with %v, and %d leases are left", err, h.leases())
	}
	for key, want := range map[byte]int{1: 2, 2: 3} {
		if log, err := os.ReadFile(h.ssh.LogPath(cache.Key{key})); strings.Count(string(log), "computed by") != want {
			t.Errorf("the log is %q, %v, want %d attempts", log, err, want)
		}
	}
}

// A trial takes the child of any host that it may run on, and no other's.
func TestChildrenAreKeptByHost(t *testing.T) {
	h := newHosts(t, 1, 0, "down", "n1")
	first, _ := h.must("xla", 1, 1)
	if pid, _ := h.must("xla", 1, 1); pid != first {
		t.Errorf("process %d computed the second action, want %d", pid, first)
	}
	h.ssh.Config.Hosts = []string{"n2"}
	if pid, _ := h.must("xla", 1, 1); pid == first {
		t.Error("a child of n1 computed an action for n2")
	}
}

// On a host without GPUs of its own, no idle child shares a device with a program.
func TestHostsMakeRoomForPrograms(t *testing.T) {
	h := newHosts(t, 0, 2, "n1")
	first, _ := h.must("xla", 1, 0)
	program := action.Request{Type: "ok", Supervised: true, Reusable: true}
	pids := make([]int, 2)
	for i := range pids {
		if err := h.ssh.Launch(t.Context(), program, func(p pipeline.Progress) { pids[i] = p.Step }); err != nil {
			t.Fatal(err)
		}
	}
	if pids[0] != pids[1] || pids[0] == first {
		t.Errorf("processes %v supervised programs, want one, other than %d", pids, first)
	}
	if second, _ := h.must("xla", 1, 0); second == first {
		t.Error("an idle child kept its device while a program ran")
	}
	secret := program
	secret.Passes, h.ssh.Environ = []string{"TOKEN"}, []string{"TOKEN=1"}
	var pid int
	if err := h.ssh.Launch(t.Context(), secret, func(p pipeline.Progress) { pid = p.Step }); err != nil || pid == pids[0] {
		t.Errorf("process %d was kept for another environment, %v", pid, err)
	}
}

// allocation computes actions in a job of Slurm that answerAll plays, and returns the
// process of each.
func allocation(t *testing.T, grace time.Duration, requests ...action.Request) (pids []int, err error) {
	t.Helper()
	dir := t.TempDir()
	for i := range requests {
		requests[i].Key, requests[i].Reusable, requests[i].Ingredients = cache.Key{byte(i)}, true, cache.String("")
	}
	raw, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "task-0.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	err = launch.Allocation{
		Spool: dir, Log: slog.New(slog.DiscardHandler),
		Local: launch.Local{Command: []string{os.Args[0]}, Environ: []string{"TMPDIR=/serve"}, Logs: t.TempDir(), Grace: grace},
	}.Run(t.Context())
	for _, req := range requests {
		raw, readErr := os.ReadFile(filepath.Join(dir, req.Key.String()+".000000.jsonl"))
		if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
			t.Fatal(readErr)
		}
		var m struct{ Progress pipeline.Progress }
		json.NewDecoder(strings.NewReader(string(raw))).Decode(&m) // an action that did not begin has no message
		pids = append(pids, m.Progress.Step)
	}
	return pids, err
}

// gone reports whether a process ends soon.
func gone(pid int) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
	}
	return false
}

// An allocation computes its actions in one process, as long as they can share it,
// and leaves none behind.
func TestAllocationsKeepChildren(t *testing.T) {
	xla := action.Request{Type: "ok", Affinity: pipeline.Affinity{Process: "xla"}, Resources: study.Resources{GPUs: 1}}
	other, plain, program, fails := xla, xla, xla, xla
	other.Affinity.Process = "xla deterministic"
	plain.Affinity.Process = ""
	program.Affinity.Process, program.Supervised = "", true
	fails.Type = "fail"
	for name, c := range map[string]struct {
		requests []action.Request
		want     []int // the process of each, by when it was first seen
		failed   bool
	}{
		"seeds of a cell":      {[]action.Request{xla, xla, xla}, []int{0, 0, 0}, false},
		"two kinds":            {[]action.Request{xla, other, xla}, []int{0, 1, 2}, false},
		"another needs memory": {[]action.Request{xla, plain, xla}, []int{0, 1, 2}, false},
		"a program":            {[]action.Request{xla, program, xla, program}, []int{0, 1, 2, 1}, false},
		"a failure":            {[]action.Request{xla, fails, xla, xla}, []int{0, 0, 1, 1}, true},
	} {
		pids, err := allocation(t, 0, c.requests...)
		if (err != nil) != c.failed {
			t.Errorf("%s: %v", name, err)
		}
		var seen, got []int
		for _, pid := range pids {
			if !slices.Contains(seen, pid) {
				seen = append(seen, pid)
			}
			got = append(got, slices.Index(seen, pid))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the processes are %v, want %v", name, got, c.want)
		}
		for _, pid := range seen {
			if !gone(pid) {
				t.Errorf("%s: process %d remains", name, pid)
			}
		}
	}
}

// A driver that hangs when its process ends does not keep the allocation: the process
// is killed.
func TestAllocationsEndHungChildren(t *testing.T) {
	hangs := action.Request{Type: "hang at the end", Affinity: pipeline.Affinity{Process: "xla"}}
	pids, err := allocation(t, 100*time.Millisecond, hangs, hangs)
	if err != nil || len(pids) != 2 || pids[0] != pids[1] || !gone(pids[0]) {
		t.Errorf("processes %v end with %v", pids, err)
	}
}
