package launch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
)

// answerAll is a child that says of each action which process computed it, on which
// device, and fails where its type is "fail". After "hang at the end", it does not end
// with its stdin, and after "no end of the log", it has not written that.
func answerAll() {
	requests, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	hangs := false
	for {
		var req struct {
			Type   string
			LogEnd string `json:"log_end"`
		}
		if requests.Decode(&req) != nil {
			if hangs {
				time.Sleep(time.Hour)
			}
			return
		}
		hangs = req.Type == "hang at the end"
		if req.Type != "unannounced" {
			answers.Encode(map[string]any{"started": struct{}{}})
		}
		fmt.Fprintln(os.Stderr, "computed by", os.Getpid())
		switch req.Type {
		case "die":
			os.Exit(3)
		case "wait", "done when stopped":
			requests.Decode(new(any)) // until the parent stops it
			if req.Type == "wait" {
				os.Exit(1)
			}
		}
		answers.Encode(map[string]any{"progress": pipeline.Progress{Step: os.Getpid(), Waits: os.Getenv("CUDA_VISIBLE_DEVICES")}})
		if req.Type == "fail" {
			answers.Encode(map[string]any{"failed": map[string]string{"text": "as it was told to"}})
			return
		}
		if req.Type != "no end of the log" {
			fmt.Fprint(os.Stderr, req.LogEnd)
		}
		answers.Encode(map[string]any{"done": struct{}{}})
	}
}

// bench launches actions in children that answerAll plays.
type bench struct {
	t     *testing.T
	local launch.Local
	idle  *launch.IdleChildren
	held  map[string]bool // devices
	mu    sync.Mutex
}

func newBench(t *testing.T, gpus ...string) *bench {
	b := &bench{t: t, idle: new(launch.IdleChildren), held: make(map[string]bool)}
	t.Cleanup(b.idle.Close)
	b.local = launch.Local{Command: []string{os.Args[0]}, Environ: []string{"TMPDIR=/serve"}, Logs: t.TempDir(), Idle: b.idle, Machine: &launch.Machine{GPUs: gpus, Lease: b.lease}}
	return b
}

func (b *bench) lease(name string) (func() error, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[name] {
		return nil, false, nil
	}
	b.held[name] = true
	return func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.held, name)
		return nil
	}, true, nil
}

func (b *bench) leases() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.held)
}

// run launches an action, and returns the process that computed it and its device.
func (b *bench) run(typ, process, work string, gpus int) (pid int, device string, err error) {
	req := action.Request{Type: typ, Reusable: true, Affinity: pipeline.Affinity{Process: process, Work: work}, Resources: study.Resources{GPUs: gpus}}
	err = b.local.Launch(b.t.Context(), req, func(p pipeline.Progress) { pid, device = p.Step, p.Waits })
	return pid, device, err
}

func (b *bench) must(process, work string, gpus int) (pid int, device string) {
	b.t.Helper()
	pid, device, err := b.run("ok", process, work, gpus)
	if err != nil || pid == 0 {
		b.t.Fatalf("process %d, %v", pid, err)
	}
	return pid, device
}

// A child that keeps a device computes the next action, and keeps the device's lease
// meanwhile. Who needs the device ends it.
func TestIdleChildrenHoldDevices(t *testing.T) {
	b := newBench(t, "5")
	first, device := b.must("xla", "a", 1)
	if device != "5" || b.leases() != 1 {
		t.Fatalf("the idle child had device %q and holds %d leases", device, b.leases())
	}
	for _, work := range []string{"a", "b", "a"} {
		if pid, _ := b.must("xla", work, 1); pid != first {
			t.Errorf("process %d computed %s, want %d", pid, work, first)
		}
	}
	other, device := b.must("xla deterministic", "a", 1)
	if other == first || device != "5" {
		t.Errorf("another kind of action ran in process %d on device %q, want a new process on 5", other, device)
	}
	if pid, _ := b.must("", "", 1); pid == other || b.leases() != 0 {
		t.Errorf("an action without affinity ran in process %d and left %d leases, want a new process and none", pid, b.leases())
	}
	b.must("xla", "a", 1)
	b.idle.Close()
	if b.leases() != 0 {
		t.Errorf("%d leases are held after the run", b.leases())
	}
}

// A timeout is of what computes an action, not of its wait for a device.
func TestTimeoutOfAnAction(t *testing.T) {
	b := newBench(t, "0")
	release, _, err := b.lease("gpu 0")
	if err != nil {
		t.Fatal(err)
	}
	const timeout = 2 * time.Second
	time.AfterFunc(timeout+time.Second, func() { release() })
	req := action.Request{Type: "ok", Timeout: timeout, Resources: study.Resources{GPUs: 1}}
	if err := b.local.Launch(t.Context(), req, func(pipeline.Progress) {}); err != nil {
		t.Errorf("an action that waited: %v", err)
	}
	req.Type = "wait"
	if err := b.local.Launch(t.Context(), req, func(pipeline.Progress) {}); err == nil || err.Error() != "exceeded the timeout of 2s in its runtime block" {
		t.Errorf("an action that is too slow: %v", err)
	}
	req.Type = "done when stopped"
	if err := b.local.Launch(t.Context(), req, func(pipeline.Progress) {}); err != nil {
		t.Errorf("an action that published its result when it was late: %v", err)
	}
}

// A user program that was given no device may use any: no idle child shares one with it.
func TestIdleChildrenMakeRoomForPrograms(t *testing.T) {
	b := newBench(t)
	first, _ := b.must("xla", "a", 0)
	program := action.Request{Type: "ok", Supervised: true, Reusable: true}
	if err := b.local.Launch(t.Context(), program, func(pipeline.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if second, _ := b.must("xla", "a", 0); second == first {
		t.Error("an idle child kept its device while a program ran")
	}
}

// Memory that an idle child takes is free for an action that needs it.
func TestIdleChildrenGiveMemoryBack(t *testing.T) {
	b := newBench(t)
	first, _ := b.must("xla", "a", 0)
	b.local.Machine.Memory = func() (int64, error) {
		if idle, err := os.FindProcess(first); err == nil && idle.Signal(syscall.Signal(0)) == nil {
			return 2 << 30, nil
		}
		return 8 << 30, nil
	}
	needy := action.Request{Type: "ok", Resources: study.Resources{Memory: 4 << 30}}
	if err := b.local.Launch(t.Context(), needy, func(pipeline.Progress) {}); err != nil {
		t.Error(err)
	}
}

// Of two idle children, an action takes the one that has prepared the same.
func TestIdleChildrenByAffinity(t *testing.T) {
	b := newBench(t, "0", "1")
	pids := make([]int, 2)
	var ready sync.WaitGroup
	both := make(chan struct{})
	var together sync.WaitGroup
	together.Add(2)
	for i, work := range []string{"a", "b"} {
		ready.Go(func() {
			req := action.Request{Reusable: true, Affinity: pipeline.Affinity{Process: "xla", Work: work}, Resources: study.Resources{GPUs: 1}}
			if err := b.local.Launch(t.Context(), req, func(p pipeline.Progress) { pids[i] = p.Step; together.Done(); <-both }); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait() // each has a process before the other's is idle
	close(both)
	ready.Wait()
	for range 3 {
		for i, work := range []string{"a", "b"} {
			if pid, device := b.must("xla", work, 1); pid != pids[i] {
				t.Errorf("process %d on device %s computed %s, want %d of %v", pid, device, work, pids[i], pids)
			}
		}
	}
}

// A child that failed or died computes nothing more.
func TestIdleChildrenAreHealthy(t *testing.T) {
	b := newBench(t, "0")
	first, _ := b.must("xla", "a", 1)
	if pid, _, err := b.run("fail", "xla", "a", 1); err == nil || pid != first || b.leases() != 0 {
		t.Errorf("a failure in process %d of %d: %v, with %d leases left", pid, first, err, b.leases())
	}
	second, _ := b.must("xla", "a", 1)
	if second == first {
		t.Error("a child that failed was used again")
	}
	killed, err := os.FindProcess(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Kill(); err != nil {
		t.Fatal(err)
	}
	third, device := b.must("xla", "a", 1)
	if third == second || device != "0" {
		t.Errorf("after a kill, process %d ran on device %q", third, device)
	}
	if _, _, err := b.run("die", "xla", "a", 1); err == nil || !strings.Contains(err.Error(), "exit status 3") || b.leases() != 0 {
		t.Errorf("an action that kills each process: %v, with %d leases left", err, b.leases())
	}
	log, err := os.ReadFile(b.local.LogPath(cache.Key{}))
	if n := strings.Count(string(log), "computed by"); n != 1 {
		t.Errorf("an action that kills each process ran %d times, want once: retries are for its caller (%v)", n, err)
	}
	fourth, _ := b.must("xla", "a", 1)
	if pid, _, err := b.run("unannounced", "xla", "a", 1); err != nil || pid != fourth {
		t.Errorf("a child that does not say that it starts is asked again: process %d after %d, %v", pid, fourth, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.local.Launch(ctx, action.Request{Type: "wait", Reusable: true, Affinity: pipeline.Affinity{Process: "xla"}, Resources: study.Resources{GPUs: 1}}, func(pipeline.Progress) {}); err == nil || b.leases() != 0 {
		t.Errorf("a cancelled action: %v, with %d leases left", err, b.leases())
	}
}

// A device is given back after a while, so that other processes can have it.
func TestIdleChildrenGiveDevicesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for longer than a child is kept")
	}
	t.Parallel()
	b := newBench(t, "0")
	b.must("xla", "a", 1)
	for deadline := time.Now().Add(time.Minute); b.leases() > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the lease is held after a minute")
		}
	}
	b.must("xla", "a", 1)
}
