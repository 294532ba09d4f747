//go:build unix

package elsewhere

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// elsewhere is a program to run on other machines, and an environment.
type elsewhere struct {
	dir, program string
	environ      []string
}

// newElsewhere builds the program, because other machines run it as a file.
func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	c := &elsewhere{dir: t.TempDir()}
	c.program = filepath.Join(c.dir, "ablate")
	c.environ = append(os.Environ(), "NO_COLOR=1", "XDG_CONFIG_HOME="+filepath.Join(c.dir, "config"), "ABLATE_REMOTE=",
		"PATH="+c.dir+":"+os.Getenv("PATH"))
	c.must(t, "go", "build", "-o", c.program, "ablate/cmd/ablate")
	return c
}

// newSlurm starts a Slurm cluster of two nodes on this machine.
func newSlurm(t *testing.T) *elsewhere {
	t.Helper()
	if testing.Short() {
		t.Skip("a cluster takes too long for -short")
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin")
	for _, name := range []string{"slurmctld", "slurmd", "sbatch"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("Slurm is not installed here (%s): apt-get install slurmctld slurmd slurm-client", name)
		}
	}
	c := newElsewhere(t)
	c.environ = append(c.environ, "SLURM_CONF="+filepath.Join(c.dir, "c", "etc", "slurm.conf"), fmt.Sprintf("SLURM_TEST_PORT=%d", freePort(t)))
	c.must(t, "../../../../scripts/slurm-cluster", "up", filepath.Join(c.dir, "c"))
	t.Cleanup(func() {
		c.run("../../../../scripts/slurm-cluster", "down", filepath.Join(c.dir, "c"))
		if t.Failed() {
			t.Log(c.run("squeue", "--all"))
		}
	})
	return c
}

// freePort finds a free port; the ports next to it are probably free, too.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *elsewhere) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = c.environ
	return cmd
}

func (c *elsewhere) run(name string, args ...string) string {
	out, _ := c.command(name, args...).CombinedOutput()
	return string(out)
}

func (c *elsewhere) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := c.command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// lab is a study with a store of its own.
type lab struct {
	*elsewhere
	dir string
}

// documented runs the study and the configuration of docs/slurm.md, with fewer steps and
// with this cluster's partition.
func documented(t *testing.T, l *lab) {
	page, err := os.ReadFile("../../../../docs/slurm.md")
	if err != nil {
		t.Fatal(err)
	}
	between := func(from, to string) string {
		_, rest, ok := strings.Cut(string(page), from)
		text, _, closed := strings.Cut(rest, to)
		if !ok || !closed {
			t.Fatalf("the page lacks text between %q and %q", from, to)
		}
		return text
	}
	l.write(t, "corpus.txt", strings.Repeat("the quick brown fox jumps over the lazy dog\n", 500))
	l.write(t, "study.hcl", strings.Replace(between("```hcl\n", "```"), "steps     = 200", "steps     = 3", 1))
	config := between("executor \"slurm\" \"a100\" {\n", "\n    }")
	l.write(t, ".ablate/config.hcl", "executor \"slurm\" \"a100\" {\n"+strings.NewReplacer(
		`"gpu"`, `"main"`, `"--account=lab", "--constraint=a100"`, `"--nice=0"`,
	).Replace(config)+"\n  poll = \"300ms\"\n}\n")
	if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "6 trials trained, 0 cached") {
		t.Errorf("the run says\n%s", out)
	}
	if n := strings.Count(l.outputs(), "msg=start"); n != 6 {
		t.Errorf("%d trials were started on the cluster, want 6:\n%s", n, l.outputs())
	}
}

// example runs examples/slurm with a script in place of the one that needs PyTorch.
func example(t *testing.T, l *lab) {
	for _, name := range []string{"study.hcl", "results.csv"} {
		raw, err := os.ReadFile("../../../../examples/slurm/" + name)
		if err != nil {
			t.Fatal(err)
		}
		l.write(t, name, string(raw))
	}
	l.write(t, "train.py", "print('step 50 val_loss=1')\n")
	out := l.ablate(t, 0, "run", "--progress", "none", "--var", "executor=main", "--target", "train.command.student")
	if !strings.Contains(out, "12 trials trained, 0 cached") {
		t.Errorf("the run says\n%s", out)
	}
	if n := strings.Count(l.outputs(), "msg=start"); n != 12 {
		t.Errorf("%d trials were started on the cluster, want 12:\n%s", n, l.outputs())
	}
}

// newLab writes a study with the given numbers of trials and steps. config is added to
// the executor's block.
func (c *elsewhere) newLab(t *testing.T, seeds, steps int, config string) *lab {
	t.Helper()
	l := &lab{elsewhere: c, dir: t.TempDir()}
	raw, err := os.ReadFile("../../testdata/study.hcl")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range seeds {
		list = append(list, fmt.Sprint(i+1))
	}
	study := strings.NewReplacer(
		"seed      = [1, 2]", "seed      = ["+strings.Join(list, ", ")+"]",
		"[norm.rmsnorm.base, norm.dyt.tanh]", "[norm.dyt.tanh]",
		"[optimizer.adamw.base, optimizer.muon.base]", "[optimizer.adamw.base]",
		"steps = 3", fmt.Sprintf("steps = %d", steps),
		"every   = 2", fmt.Sprintf("every   = %d", steps),
		"  batch {", "  checkpoint {\n    every = 500\n  }\n  runtime {\n    executor = \"main\"\n    resources {\n      gpus = 1\n    }\n  }\n  batch {",
	).Replace(string(raw))
	l.write(t, "study.hcl", study)
	l.write(t, "text.txt", strings.Repeat("the quick brown fox jumps over the lazy dog\n", 500))
	l.write(t, ".ablate/config.hcl", "executor \"slurm\" \"main\" {\n  partition = \"main\"\n  poll      = \"300ms\"\n"+config+"}\n")
	return l
}

func (l *lab) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if name == ".ablate/config.hcl" {
		l.ablate(t, 0, "trust")
	}
}

// start starts ablate on the study and collects its output.
func (l *lab) start(t *testing.T, args ...string) (*exec.Cmd, *output) {
	t.Helper()
	cmd := l.command(l.program, append(args, "--chdir", l.dir)...)
	cmd.Env = append(slices.Clone(cmd.Env), "ABLATE_CACHE_DIR="+filepath.Join(l.dir, "store"))
	out := new(output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns the output so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// freeze suspends the processes that train for this lab; thaw resumes them.
func (l *lab) freeze(t *testing.T) (thaw func()) {
	t.Helper()
	nodes := strings.Fields(l.must(t, "pgrep", "-f", "exec --spool "+l.dir))
	for _, pid := range nodes {
		l.must(t, "pkill", "-STOP", "-P", pid)
	}
	var pids []string
	for _, pid := range nodes {
		pids = append(pids, strings.Fields(l.must(t, "pgrep", "-P", pid))...)
	}
	return func() { l.must(t, "kill", append([]string{"-CONT"}, pids...)...) }
}

// ablate runs ablate and checks its exit code.
func (l *lab) ablate(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd, out := l.start(t, args...)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("ablate %v exits with %d, want %d:\n%s\n%s", args, got, code, out, l.outputs())
	}
	return out.String()
}

func (l *lab) glob(pattern string) []string {
	names, _ := filepath.Glob(filepath.Join(l.dir, "store", pattern))
	return names
}

// outputs returns what the jobs printed.
func (l *lab) outputs() string {
	var b strings.Builder
	for _, name := range l.glob("spool/*/task-*.out") {
		raw, _ := os.ReadFile(name)
		fmt.Fprintf(&b, "%s:\n%s", filepath.Base(name), raw)
	}
	return b.String()
}

var artifact = regexp.MustCompile(`\S+ .*sha256:\S+`)

// bytes lists the artifacts of the only trial.
func (l *lab) bytes(t *testing.T) []string {
	t.Helper()
	out := artifact.FindAllString(l.ablate(t, 0, "show", `train.lm.main["norm=dyt.tanh,optimizer=adamw.base,seed=1"]`), -1)
	if len(out) < 2 {
		t.Fatalf("the trial shows %q, want metrics and a checkpoint", out)
	}
	return out
}

// straight computes the trial on this machine without disturbing it.
func (l *lab) straight(t *testing.T) []string {
	t.Helper()
	here := &lab{elsewhere: l.elsewhere, dir: t.TempDir()}
	for _, name := range []string{"study.hcl", "text.txt"} {
		raw, err := os.ReadFile(filepath.Join(l.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(raw), `executor = "main"`, `executor = "local"`, 1)
		here.write(t, name, strings.Replace(text, "gpus = 1", "cpus = 1", 1))
	}
	here.ablate(t, 0, "run", "--progress", "none")
	return here.bytes(t)
}

// until waits for a condition and fails the test after a few minutes.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const long = 3 * time.Minute
	for end := time.Now().Add(long); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out after %s waiting for: %s", long, what)
		}
	}
}

// trains waits until an attempt at the trial makes progress.
func (l *lab) trains(t *testing.T, attempt int) {
	t.Helper()
	until(t, fmt.Sprintf("progress of attempt %d", attempt), func() bool {
		for _, name := range l.glob(fmt.Sprintf("spool/*/*.%06d.jsonl", attempt)) {
			raw, _ := os.ReadFile(name)
			if bytes.Contains(raw, []byte(`"step":`)) {
				return true
			}
		}
		return false
	})
}

// job returns the job that computes the trial, and its node.
func (l *lab) job(t *testing.T) (id, node string) {
	t.Helper()
	raw, err := os.ReadFile(l.glob("spool/*/job")[0])
	if err != nil {
		t.Fatal(err)
	}
	id = string(raw)
	return id, strings.TrimSpace(l.must(t, "squeue", "--noheader", "--format=%N", "--jobs="+id))
}

func (l *lab) batches(t *testing.T, want int) {
	t.Helper()
	if got := l.glob("spool/*/batch.json"); len(got) != want {
		t.Errorf("there are %d submissions, want %d", len(got), want)
	}
}

func (l *lab) same(t *testing.T) {
	t.Helper()
	if got, want := l.bytes(t), l.straight(t); !slices.Equal(got, want) {
		t.Errorf("the disturbed trial made\n%q\nan undisturbed one\n%q", got, want)
	}
}

// resumed checks that the last attempt did not start from step 0.
func (l *lab) resumed(t *testing.T, steps int) {
	t.Helper()
	log := l.ablate(t, 0, "logs", `train.lm.main["norm=dyt.tanh,optimizer=adamw.base,seed=1"]`)
	m := regexp.MustCompile(`msg=trained steps=\d+ computed=(\d+)`).FindAllStringSubmatch(log, -1)
	if len(m) == 0 || m[len(m)-1][1] == fmt.Sprint(steps) {
		t.Errorf("the trial was not resumed:\n%s", log)
	}
}

func TestSlurm(t *testing.T) {
	c := newSlurm(t)

	// Slurm's shortest time limit is a minute, so this run continues beside the other
	// tests.
	const long = 40000
	limited := c.newLab(t, 1, long, "  time      = \"1m\"\n")
	chain, chained := limited.start(t, "run", "--progress", "plain")
	defer chain.Process.Kill()

	t.Run("each trial once", func(t *testing.T) {
		l := c.newLab(t, 24, 3, "")
		if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "24 trials trained, 0 cached") {
			t.Errorf("the run says\n%s", out)
		}
		if n := strings.Count(l.outputs(), "msg=start"); n != 24 {
			t.Errorf("%d trials were started, want 24:\n%s", n, l.outputs())
		}
		l.batches(t, 1)
		if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "0 trials trained, 24 cached") {
			t.Errorf("the second run says\n%s", out)
		}
		l.batches(t, 1)
	})

	t.Run("several in an allocation", func(t *testing.T) {
		l := c.newLab(t, 6, 3, "  per_allocation = 3\n")
		l.ablate(t, 0, "run", "--progress", "none")
		if names := l.glob("spool/*/task-*.out"); len(names) != 2 || strings.Count(l.outputs(), "msg=start") != 6 {
			t.Errorf("there were %d allocations, want 2 for 6 trials:\n%s", len(names), l.outputs())
		}
	})

	t.Run("one process in an allocation", func(t *testing.T) {
		l := c.newLab(t, 1, 3, "  per_allocation = 4\n")
		l.programs(t, 4)
		if n := l.supervisors(t); n != 1 {
			t.Errorf("%d processes supervised the programs of an allocation, want 1", n)
		}
	})

	t.Run("the documentation's study", func(t *testing.T) { documented(t, c.newLab(t, 1, 3, "")) })

	t.Run("the example", func(t *testing.T) { example(t, c.newLab(t, 1, 3, "")) })

	t.Run("no shared folder", func(t *testing.T) {
		apart(t, c.newLab(t, 4, 3, ""), "slurm", "  partition = \"main\"\n  poll      = \"300ms\"\n")
	})

	const steps = 10000
	t.Run("time limit announced", func(t *testing.T) {
		l := c.newLab(t, 1, steps, "")
		run, out := l.start(t, "run", "--progress", "none")
		for i := range 2 {
			l.trains(t, i)
			id, _ := l.job(t)
			c.must(t, "scancel", "--batch", "--signal=USR1", id)
		}
		if err := run.Wait(); err != nil {
			t.Fatalf("the run ends with %v:\n%s\n%s", err, out, l.outputs())
		}
		if n := len(l.glob("spool/*/*.jsonl")); n != 3 {
			t.Errorf("it took %d allocations, want 3", n)
		}
		l.batches(t, 1)
		l.resumed(t, steps)
	})

	t.Run("preempted", func(t *testing.T) {
		l := c.newLab(t, 1, steps, "")
		run, out := l.start(t, "run", "--progress", "none")
		l.trains(t, 0)
		id, node := l.job(t)
		c.must(t, "sbatch", "--partition=urgent", "--exclusive", "--nodelist="+node, "--output=/dev/null", "--wrap=sleep 1")
		until(t, "a second attempt", func() bool { return len(l.glob("spool/*/*.000001.jsonl")) > 0 })
		if err := run.Wait(); err != nil {
			t.Fatalf("the run ends with %v:\n%s\n%s", err, out, l.outputs())
		}
		if again, _ := os.ReadFile(l.glob("spool/*/job")[0]); string(again) != id {
			t.Errorf("the job was %s and is %s", id, again)
		}
		l.batches(t, 1)
		l.resumed(t, steps)
		l.same(t)
	})

	t.Run("node lost", func(t *testing.T) {
		l := c.newLab(t, 1, steps, "")
		run, out := l.start(t, "run", "--progress", "none")
		l.trains(t, 0)
		_, node := l.job(t)
		// Slurm loses the node, and its process resumes while another one computes
		// the same trial: both finish with the same result.
		thaw := l.freeze(t)
		c.must(t, "pkill", "-9", "-f", "slurmd .*"+c.dir+".* -N "+node+"$")
		c.run("pkill", "-9", "-f", "slurmstepd: .*"+node)
		l.trains(t, 1)
		thaw()
		if err := run.Wait(); err != nil {
			t.Fatalf("the run ends with %v:\n%s\n%s", err, out, l.outputs())
		}
		c.must(t, "../../../../scripts/slurm-cluster", "node", filepath.Join(c.dir, "c"), node)
		l.batches(t, 1)
		l.same(t)
	})

	t.Run("coordinator killed", func(t *testing.T) {
		l := c.newLab(t, 2, steps, "")
		run, _ := l.start(t, "run", "--progress", "none")
		l.trains(t, 0)
		until(t, "a trial beside it", func() bool { return strings.Count(l.outputs(), "msg=start") == 2 })
		thaw := l.freeze(t)
		run.Process.Signal(syscall.SIGKILL)
		run.Wait()
		if out := l.ablate(t, 0, "status"); !strings.Contains(out, " 2 running") || !strings.Contains(out, "main: job ") {
			t.Errorf("status says\n%s", out)
		}
		again, out := l.start(t, "run", "--progress", "none")
		until(t, "adoption", func() bool { return strings.Contains(out.String(), "Adopted 2 Slurm jobs") })
		thaw()
		if err := again.Wait(); err != nil {
			t.Errorf("the next run ends with %v:\n%s", err, out)
		}
		l.batches(t, 1)
		if n := strings.Count(l.outputs(), "msg=start"); n != 2 {
			t.Errorf("%d trials were started, want 2:\n%s", n, l.outputs())
		}
	})

	t.Run("detached", func(t *testing.T) {
		l := c.newLab(t, 2, 3, "")
		if out := l.ablate(t, 0, "run", "--detach", "--progress", "none"); !strings.Contains(out, "2 trials continue in Slurm") {
			t.Errorf("the run says\n%s", out)
		}
		until(t, "the end of the jobs", func() bool {
			out := l.ablate(t, 0, "status")
			return strings.Contains(out, " 0 running") && !strings.Contains(out, "submitted")
		})
		if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "0 trials trained, 2 cached") {
			t.Errorf("the next run says\n%s", out)
		}
	})

	t.Run("interrupted", func(t *testing.T) {
		for how, left := range map[string]bool{"cancel": false, "leave": true} {
			l := c.newLab(t, 1, steps, "  on_interrupt = \""+how+"\"\n")
			run, out := l.start(t, "run", "--progress", "none")
			l.trains(t, 0)
			thaw := func() {}
			if left {
				thaw = l.freeze(t)
			}
			run.Process.Signal(os.Interrupt)
			run.Wait()
			if code := run.ProcessState.ExitCode(); code != 130 {
				t.Fatalf("%s: exit code %d, want 130:\n%s", how, code, out)
			}
			if got := strings.Contains(out.String(), "1 trial continues in Slurm"); got != left {
				t.Errorf("%s: it says\n%s", how, out)
			}
			again, next := l.start(t, "run", "--progress", "none")
			if left {
				until(t, "adoption", func() bool { return strings.Contains(next.String(), "Adopted 1 Slurm job") })
			}
			thaw()
			if err := again.Wait(); err != nil {
				t.Errorf("%s: the next run ends with %v:\n%s", how, err, next)
			}
			if !left {
				l.resumed(t, steps)
			}
		}
	})

	t.Run("refused", func(t *testing.T) { refused(t, c) })

	if err := chain.Wait(); err != nil {
		t.Fatalf("the run under a time limit ends with %v:\n%s\n%s", err, chained, limited.outputs())
	}
	limited.batches(t, 1)
	if n := len(limited.glob("spool/*/*.jsonl")); n < 2 {
		t.Log("the trial finished before its time limit, so nothing was resumed")
		return
	}
	limited.resumed(t, long)
}

// programs runs trials of a program that writes down which process supervises it.
func (l *lab) programs(t *testing.T, n int) {
	t.Helper()
	var seeds []string
	for i := range n {
		seeds = append(seeds, fmt.Sprint(i))
	}
	l.write(t, "study.hcl", `
train "command" "t" {
  argv = ["sh", "-c", "echo $PPID >> `+l.dir+`/parents; echo step 1 loss=1"]

  matrix {
    seed = [`+strings.Join(seeds, ", ")+`]
  }

  parameters = {
    seed = matrix.seed
  }

  metrics = {
    stdout = "step (?P<step>\\d+) loss=(?P<loss>\\S+)"
  }

  runtime {
    executor = "main"
  }
}
`)
	if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, fmt.Sprintf("%d trials trained, 0 cached", n)) {
		t.Errorf("the run says\n%s", out)
	}
}

// supervisors counts the processes that programs wrote down.
func (l *lab) supervisors(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(l.dir, "parents"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, pid := range strings.Fields(string(raw)) {
		seen[pid] = true
	}
	return len(seen)
}

// apart runs trials on executors that do not share the store's folder: inputs, states
// and results travel through a remote.
func apart(t *testing.T, l *lab, typ, body string) {
	t.Helper()
	there := t.TempDir()
	l.write(t, ".ablate/config.hcl", "executor \""+typ+"\" \"main\" {\n"+body+"  shared = false\n  store  = \""+there+"\"\n}\n")
	if out := strings.Join(strings.Fields(l.ablate(t, 1, "run", "--progress", "none")), " "); !strings.Contains(out, "results travel through a remote, but none is configured") {
		t.Errorf("without a remote it says\n%s", out)
	}
	world := *l.elsewhere
	world.environ = append(slices.Clone(world.environ), "ABLATE_REMOTE=file://"+t.TempDir(), "ABLATE_REMOTE_NAMESPACE=lab")
	l.elsewhere = &world
	if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "4 trials trained, 0 cached") {
		t.Errorf("the run says\n%s", out)
	}
	if logs, _ := filepath.Glob(filepath.Join(there, "entries", "*", "*")); len(logs) < 4 {
		t.Errorf("%d entries were made in the store there, want 4 trials at least", len(logs))
	}
	l.same(t)
}

// refused checks the messages about a wrongly configured cluster.
func refused(t *testing.T, c *elsewhere) {
	unseen := "#!/bin/sh\nwhile [ \"$1\" != --spool ]; do shift; done\nexec " + c.program + " exec --spool /nowhere\n"
	for _, tt := range []struct {
		name, config, program, want string
	}{
		{"partition", "  arguments = [\"--partition=nope\"]\n", "", "name one that sinfo lists"},
		{"gres", "  arguments = [\"--gres=tpu:1\"]\n", "", "ask for what sinfo"},
		{"rejected", "  arguments = [\"--mem=900G\"]\n", "", "ask for less"},
		{"argument", "  arguments = [\"--nonsense\"]\n", "", "unrecognized option"},
		{"no program", "  program   = \"/nowhere/ablate\"\n", "", "found no ablate on n"},
		{"another version", "", "ablate/cmd/ablate", "but this run was planned by ablate"},
		{"store not visible", "", unseen, "cannot see the store on n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := tt.config
			if tt.program != "" {
				other := filepath.Join(t.TempDir(), "other")
				if tt.program == unseen {
					if err := os.WriteFile(other, []byte(unseen), 0o700); err != nil {
						t.Fatal(err)
					}
				} else {
					c.must(t, "go", "build", "-buildvcs=false", "-ldflags=-s", "-o", other, tt.program)
				}
				config += "  program   = \"" + other + "\"\n"
			}
			l := c.newLab(t, 1, 3, config)
			if out := strings.Join(strings.Fields(l.ablate(t, 1, "run", "--progress", "none")), " "); !strings.Contains(out, tt.want) {
				t.Errorf("it says\n%s\nwant %q", out, tt.want)
			}
			l.write(t, ".ablate/config.hcl", "executor \"slurm\" \"main\" {\n  poll = \"300ms\"\n}\n")
			l.ablate(t, 0, "run", "--progress", "none")
		})
	}
	t.Run("no Slurm", func(t *testing.T) {
		l := c.newLab(t, 1, 3, "")
		there := *l.elsewhere
		l.elsewhere = &there
		there.environ = append(slices.Clone(c.environ), "PATH="+t.TempDir())
		if out := l.ablate(t, 1, "run", "--progress", "none"); !strings.Contains(out, "squeue is not installed on this machine") {
			t.Errorf("it says\n%s", out)
		}
	})
}
