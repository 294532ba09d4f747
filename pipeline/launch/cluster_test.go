//go:build unix

package launch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
	"ablate/pipeline/run"
)

// slurm plays a Slurm cluster: its commands are scripts, and its jobs do what a test
// lets happen between two polls.
type slurm struct {
	t      *testing.T
	dir    string // of the commands, and what they know
	config study.Executor

	// Used by the goroutine of the coordinator until it is stopped.
	published map[cache.Key]bool
	notes     []string
	progress  []string
}

// onSlurm runs a test on a cluster. Time passes only while no command runs.
func onSlurm(t *testing.T, test func(*testing.T, *slurm)) {
	synctest.Test(t, func(t *testing.T) { test(t, newSlurm(t)) })
}

func newSlurm(t *testing.T) *slurm {
	s := &slurm{t: t, dir: t.TempDir(), published: make(map[cache.Key]bool),
		config: study.Executor{Label: "a100", Shared: true, Poll: 5 * time.Second, Jobs: 10, PerAllocation: 1, OnInterrupt: "cancel"}}
	for name, text := range map[string]string{
		"sbatch": `[ -e refuses ] && { echo >>refused; cat refuses >&2; exit 1; }
cat >script
echo "$*" >>submissions
n=$(grep -c . submissions)
for arg; do
	case $arg in
	--job-name=*) name=${arg#--job-name=} ;;
	--array=*) last=${arg#--array=0-} last=${last%%%*} ;;
	esac
done
for task in $(seq 0 $last); do echo "$n|$task|PENDING||$name|Resources" >>queue; done
[ -e loses ] && { . ./loses; exit 1; }
echo "$n;cluster"
`,
		"squeue":   "echo >>asked\n[ -e silent ] && { cat silent >&2; exit 1; }\ncat queue\n",
		"scontrol": "cat ending\n",
		"scancel":  "echo \"$*\" >>cancelled\n",
	} {
		s.write(name, "#!/bin/sh\ncd '"+s.dir+"'\n"+text)
	}
	s.write("queue", "")
	t.Setenv("PATH", s.dir+":"+os.Getenv("PATH"))
	return s
}

func (s *slurm) write(name, text string) {
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o700); err != nil {
		s.t.Error(err)
	}
}

// read returns the text of a file, "" where it does not exist.
func (s *slurm) read(name string) string {
	raw, _ := os.ReadFile(filepath.Join(s.dir, name))
	return string(raw)
}

// count counts the lines of a file.
func (s *slurm) count(name string) int { return strings.Count(s.read(name), "\n") }

// start starts a coordinator. Whenever it looks up results, the next step happens.
func (s *slurm) start(steps ...step) (c *launch.Cluster, stop func()) {
	c = &launch.Cluster{
		Store: filepath.Join(s.dir, "store"), Logs: s.t.TempDir(), Program: "/opt/ablate", Version: "1", Log: slog.New(slog.DiscardHandler),
		Published: func(_ context.Context, keys ...cache.Key) ([]bool, error) {
			if len(steps) > 0 {
				steps[0](s)
				steps = steps[1:]
			}
			out := make([]bool, len(keys))
			for i, k := range keys {
				out[i] = s.published[k]
			}
			return out, nil
		},
		Notify: func(format string, args ...any) { s.notes = append(s.notes, fmt.Sprintf(format, args...)) },
	}
	return c, c.Start(s.t.Context())
}

// launch launches the action with a key.
func (s *slurm) launch(ctx context.Context, c *launch.Cluster, detach bool, key byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Hour, errors.New("no decision about the action within an hour"))
	defer cancel()
	req := action.Request{Key: cache.Key{key}, Ingredients: cache.String(""), Address: addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "x"}}}
	return launch.Slurm{Cluster: c, Config: s.config, Detach: detach}.Launch(ctx, req, func(p pipeline.Progress) {
		text := p.Waits
		if text == "" {
			text = fmt.Sprintf("step %d of %d", p.Step, p.Steps)
		}
		s.progress = append(s.progress, text)
	})
}

// timedOut is what Slurm's commands say when the controller answers too late.
const timedOut = "error: Socket timed out on send/recv operation"

// many is so many actions that a map does not keep their order by chance.
const many = 20

// launchAll launches many actions at once.
func (s *slurm) launchAll(c *launch.Cluster, detach bool, want error) {
	var actions sync.WaitGroup
	for key := range byte(many) {
		actions.Go(func() {
			if err := s.launch(s.t.Context(), c, detach, key); !errors.Is(err, want) {
				s.t.Errorf("action %d ends with %v, want %v", key, err, want)
			}
		})
	}
	actions.Wait()
}

// step is what a job does between two polls.
type step func(*slurm)

func waits(*slurm)       {}
func publishes(s *slurm) { s.published[cache.Key{1}] = true }
func publishAll(s *slurm) {
	for key := range byte(many) {
		s.published[cache.Key{key}] = true
	}
}
func begins(s *slurm) {
	s.write("queue", strings.ReplaceAll(s.read("queue"), "PENDING||", "RUNNING|n1|"))
}
func leaves(s *slurm) { s.write("queue", "") }

// ends is a job that leaves the queue as scontrol describes it.
func ends(how string) step {
	return func(s *slurm) {
		leaves(s)
		s.write("ending", "JobId=1 ArrayTaskId=0 NodeList=n1 Reason=None "+how+"\n")
	}
}

// reports is a job that writes to the file of its first attempt.
func reports(text string) step { return appends(cache.Key{1}.String()+".000000.jsonl", 0, text) }

// prints is a job that prints zeros and a text.
func prints(zeros int64, text string) step { return appends("task-0.out", zeros, text) }

func appends(name string, zeros int64, text string) step {
	return func(s *slurm) {
		dirs, err := filepath.Glob(filepath.Join(s.dir, "store", "spool", "*"))
		if err != nil || len(dirs) != 1 {
			s.t.Errorf("the spool has the batches %q, %v, want one", dirs, err)
			return
		}
		f, err := os.OpenFile(filepath.Join(dirs[0], name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err == nil && zeros > 0 {
			err = f.Truncate(zeros)
		}
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// TestCluster follows one action by what its job does between polls.
func TestCluster(t *testing.T) {
	for name, c := range map[string]struct {
		steps       []step
		err         string // "" is success
		final       bool   // another attempt would only repeat the failure
		notes       string
		progress    string
		submissions int
	}{
		"done": {
			steps:    []step{begins, waits, reports(`{"progress":{"step":3,"steps":9}}` + "\n"), publishes},
			progress: "job 1_0 is pending (Resources); job 1_0 runs on n1; step 3 of 9", submissions: 1,
		},
		"done with a report since the last poll": {
			steps: []step{begins, waits, func(s *slurm) {
				reports(`{"progress":{"step":3,"steps":9}}` + "\n" + `{"progress":{"step":9,"steps":9}}` + "\n")(s)
				publishes(s)
			}},
			progress: "job 1_0 is pending (Resources); job 1_0 runs on n1; step 9 of 9", submissions: 1,
		},
		"failed": {
			steps: []step{begins, reports(`{"failed":{"text":"it broke"}}` + "\n")},
			err:   "it broke", progress: "job 1_0 is pending (Resources)", submissions: 1,
		},
		"a line that is half written": {
			steps: []step{begins, reports(`{"progress":{"step":3,"steps":9}}` + "\n" + `{"failed":{"te`), waits, reports(`xt":"it broke"}}` + "\n")},
			err:   "it broke", progress: "job 1_0 is pending (Resources); step 3 of 9", submissions: 1,
		},
		"lost": {
			steps: []step{leaves, waits, waits, waits, waits, publishes},
			notes: "train.lm.x: job 1_0 left the queue without a result. Submitting it again.", progress: "job 1_0 is pending (Resources); job 2_0 is pending (Resources)", submissions: 2,
		},
		"lost again and again": {
			steps:    slices.Repeat([]step{leaves}, 20),
			err:      "left the queue without a result",
			notes:    "train.lm.x: job 1_0 left the queue without a result. Submitting it again.; train.lm.x: job 2_0 left the queue without a result. Submitting it again.",
			progress: "job 1_0 is pending (Resources); job 2_0 is pending (Resources); job 3_0 is pending (Resources)", submissions: 3,
		},
		"not listed for a moment": {
			steps:    []step{func(s *slurm) { s.write("kept", s.read("queue")); leaves(s) }, waits, func(s *slurm) { s.write("queue", s.read("kept")) }, waits, waits, publishes},
			progress: "job 1_0 is pending (Resources)", submissions: 1,
		},
		"a queue that does not answer": {
			steps:    append([]step{func(s *slurm) { s.write("silent", "") }}, append(slices.Repeat([]step{waits}, 6), publishes)...),
			progress: "job 1_0 is pending (Resources)", submissions: 1,
		},
		"a node that failed": {
			steps:    []step{begins, ends("JobState=NODE_FAIL ExitCode=1:0"), waits, waits, waits, publishes},
			notes:    "train.lm.x: job 1_0 ended as NODE_FAIL on n1 (exit code 1:0, None) without a result. Submitting it again.",
			progress: "job 1_0 is pending (Resources); job 1_0 runs on n1", submissions: 2,
		},
		"a program that prints much": {
			steps:    []step{begins, prints(300<<20, strings.Repeat("x", 500)+" é\n"), ends("JobState=FAILED ExitCode=1:0"), waits, waits, waits, publishes},
			notes:    "train.lm.x: job 1_0 ended as FAILED on n1 (exit code 1:0, None) without a result\nIts output ends with:\n…" + strings.Repeat("x", 396) + " é. Submitting it again.",
			progress: "job 1_0 is pending (Resources); job 1_0 runs on n1", submissions: 2,
		},
		"out of memory": {
			steps: []step{begins, ends("JobState=OUT_OF_MEMORY ExitCode=0:125")},
			err:   "ran out of memory on n1", progress: "job 1_0 is pending (Resources); job 1_0 runs on n1", submissions: 1,
		},
		"cancelled": {
			steps: []step{begins, ends("JobState=CANCELLED ExitCode=0:15")},
			err:   "was cancelled", final: true, progress: "job 1_0 is pending (Resources); job 1_0 runs on n1", submissions: 1,
		},
		"stopped before its time was over": {
			steps:    []step{begins, reports(`{"stopped":{}}` + "\n"), ends("JobState=TIMEOUT ExitCode=0:0"), waits, waits, waits, publishes},
			progress: "job 1_0 is pending (Resources); job 1_0 runs on n1", submissions: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			onSlurm(t, func(t *testing.T, s *slurm) {
				cluster, stop := s.start(c.steps...)
				err := s.launch(t.Context(), cluster, false, 1)
				stop()
				if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("Launch = %v, want %q", err, c.err)
				}
				if final := errors.As(err, new(run.FinalError)); final != c.final {
					t.Errorf("Launch = %#v; final is %t, want %t", err, final, c.final)
				}
				if got := strings.Join(s.notes, "; "); got != c.notes {
					t.Errorf("it says %q, want %q", got, c.notes)
				}
				if got := strings.Join(s.progress, "; "); got != c.progress {
					t.Errorf("it reports %q, want %q", got, c.progress)
				}
				if got := s.count("submissions"); got != c.submissions {
					t.Errorf("%d submissions, want %d", got, c.submissions)
				}
			})
		})
	}
}

// TestClusterLosesAll loses all jobs at once, and says so in their order.
func TestClusterLosesAll(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		cluster, stop := s.start(leaves, waits, waits, waits, publishAll)
		s.launchAll(cluster, false, nil)
		stop()
		var want []string
		for task := range many {
			want = append(want, fmt.Sprintf("train.lm.x: job 1_%d left the queue without a result. Submitting it again.", task))
		}
		if diff := cmp.Diff(want, s.notes); diff != "" {
			t.Errorf("it says (-want +got):\n%s", diff)
		}
	})
}

// TestClusterRefuses submits what Slurm refuses, now or for good.
func TestClusterRefuses(t *testing.T) {
	for complaint, c := range map[string]struct {
		says  string
		final bool
	}{
		"sbatch: error: invalid partition specified: x":                                             {"name one that sinfo lists", true},
		"sbatch: error: Batch job submission failed: Requested node configuration is not available": {"ask for less", true},
		"sbatch: error: Batch job submission failed: Socket timed out on send/recv operation":       {"Socket timed out", false},
		"sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received":       {"Zero Bytes", false},
		"sbatch: error: Batch job submission failed: Resource temporarily unavailable":              {"temporarily unavailable", false},
		"sbatch: error: Batch job submission failed: Unable to contact slurm controller":            {"run again when sinfo works", false},
		"": {"exit status 1", false}, // ours, such as a time limit
	} {
		onSlurm(t, func(t *testing.T, s *slurm) {
			s.write("refuses", complaint)
			s.config.Poll = time.Minute
			cluster, stop := s.start()
			defer stop()
			err := s.launch(t.Context(), cluster, false, 1)
			if err == nil || errors.As(err, new(run.FinalError)) != c.final || !strings.Contains(err.Error(), c.says) ||
				strings.Contains(err.Error(), "rejected the job") != c.final {
				t.Errorf("with %q, Launch = %#v, want %q; final is %t", complaint, err, c.says, c.final)
			}
		})
	}
}

// TestClusterOutlastsAnOutage submits while Slurm's controller restarts.
func TestClusterOutlastsAnOutage(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		s.write("refuses", "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n")
		cluster, stop := s.start(begins, publishes)
		defer stop()
		time.AfterFunc(10*time.Minute+time.Second, func() {
			// Before and after each submission, which Slurm may have accepted, but not to poll: there are no jobs.
			if asked, refused := s.count("asked"), s.count("refused"); asked != 2*refused {
				t.Errorf("the queue was asked %d times for %d submissions", asked, refused)
			}
			os.Remove(filepath.Join(s.dir, "refuses"))
		})
		if err := s.launch(t.Context(), cluster, false, 1); err != nil || s.count("submissions") != 1 {
			t.Errorf("Launch = %v after %d submissions, want the result of one", err, s.count("submissions"))
		}
		if says := strings.Join(s.progress, "; "); !strings.HasPrefix(says, "waits for Slurm to answer: sbatch: Batch job submission failed: Unable to contact") || strings.Count(says, "waits for") != 1 {
			t.Errorf("it says %q", says)
		}
	})
}

// TestClusterOutlastsASilentQueue submits while neither sbatch nor squeue is answered,
// although Slurm accepts the jobs.
func TestClusterOutlastsASilentQueue(t *testing.T) {
	for _, loses := range []bool{false, true} {
		onSlurm(t, func(t *testing.T, s *slurm) {
			if loses { // after the queue was asked for jobs of earlier runs
				s.write("loses", "echo '"+timedOut+"' >silent; cat silent >&2\n")
			} else {
				s.write("silent", timedOut)
			}
			cluster, stop := s.start(begins, reports(`{"progress":{"step":3,"steps":9}}`+"\n"), publishes)
			defer stop()
			time.AfterFunc(10*time.Minute, func() { os.Remove(filepath.Join(s.dir, "silent")) })
			if err := s.launch(t.Context(), cluster, false, 1); err != nil || s.count("submissions") != 1 {
				t.Errorf("Launch = %v after %d submissions, want the result of one", err, s.count("submissions"))
			}
			if says := strings.Join(s.progress, "; "); strings.Count(says, "waits for Slurm to answer") != 1 {
				t.Errorf("it says %q", says)
			}
		})
	}
}

// TestClusterLosesTheAnswer submits a job that Slurm accepts although sbatch fails.
func TestClusterLosesTheAnswer(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		s.write("loses", "echo '"+timedOut+"' >&2\n")
		cluster, stop := s.start(begins, reports(`{"progress":{"step":3,"steps":9}}`+"\n"), publishes)
		if err := s.launch(t.Context(), cluster, false, 1); err != nil || s.count("submissions") != 1 {
			t.Errorf("Launch = %v after %d submissions, want the result of the first", err, s.count("submissions"))
		}
		stop()
		if says := strings.Join(s.notes, "; "); !strings.Contains(says, "Socket timed out") || !strings.Contains(says, "accepted the jobs") {
			t.Errorf("it says %q", says)
		}
	})
}

// TestSlurmByScripts interrupts a command of Slurm that is a script, with a child that
// holds its output.
func TestSlurmByScripts(t *testing.T) {
	s := newSlurm(t)
	cluster, stop := s.start()
	if err := s.launch(t.Context(), cluster, true, 1); !errors.Is(err, run.ErrDetached) {
		t.Fatal(err)
	}
	stop()
	s.write("squeue", "#!/bin/sh\nsleep 60\ntrue\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	started := time.Now()
	if _, err := cluster.Live(ctx); err == nil || time.Since(started) > 30*time.Second {
		t.Errorf("Live = %v after %s", err, time.Since(started))
	}
}

// TestClusterTriesAgain launches an action again whose job ran out of memory.
func TestClusterTriesAgain(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		cluster, stop := s.start(begins, ends("JobState=OUT_OF_MEMORY ExitCode=0:125"), waits, waits, waits, waits, publishes)
		defer stop()
		if err := s.launch(t.Context(), cluster, false, 1); err == nil || !strings.Contains(err.Error(), "ran out of memory") {
			t.Errorf("Launch = %v, want that memory ran out", err)
		}
		if err := s.launch(t.Context(), cluster, false, 1); err != nil || s.count("submissions") != 2 {
			t.Errorf("the second Launch = %v after %d submissions, want another job", err, s.count("submissions"))
		}
	})
}

// TestClusterInterrupted cancels the job of an action whose run is interrupted, or
// leaves it.
func TestClusterInterrupted(t *testing.T) {
	for on, want := range map[string]struct {
		cancels string
		err     error
	}{"cancel": {"1_0\n", context.Canceled}, "leave": {"", run.ErrDetached}} {
		t.Run(on, func(t *testing.T) {
			onSlurm(t, func(t *testing.T, s *slurm) {
				s.config.OnInterrupt = on
				ctx, cancel := context.WithCancel(t.Context())
				cluster, stop := s.start(begins, func(*slurm) { cancel() })
				if err := s.launch(ctx, cluster, false, 1); !errors.Is(err, want.err) {
					t.Errorf("Launch = %v, want %v", err, want.err)
				}
				stop()
				if got := s.read("cancelled"); got != want.cancels {
					t.Errorf("it cancels %q, want %q", got, want.cancels)
				}
			})
		})
	}
}

// TestClusterReleased interrupts a run while the coordinator looks at its job. Nothing
// is said about an action once Launch has returned.
func TestClusterReleased(t *testing.T) {
	for name, steps := range map[string][]step{
		"running": {begins}, "lost": {leaves, waits, waits},
	} {
		t.Run(name, func(t *testing.T) {
			onSlurm(t, func(t *testing.T, s *slurm) {
				s.config.OnInterrupt = "leave"
				ctx, cancel := context.WithCancel(t.Context())
				returned := make(chan struct{})
				said := 0
				cluster, stop := s.start(append(steps, func(*slurm) {
					cancel()
					<-returned
					said = len(s.progress)
				})...)
				if err := s.launch(ctx, cluster, false, 1); !errors.Is(err, run.ErrDetached) {
					t.Errorf("Launch = %v", err)
				}
				close(returned)
				stop()
				if len(s.progress) > said || len(s.notes) > 0 {
					t.Errorf("it reports %q and says %q", s.progress, s.notes)
				}
			})
		})
	}
}

// TestClusterAdopts detaches from jobs with two actions each, which the next
// coordinator waits for.
func TestClusterAdopts(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		s.config.PerAllocation = 2
		first, stop := s.start()
		s.launchAll(first, true, run.ErrDetached)
		stop()
		begins(s)
		second, stop := s.start(waits, publishAll)
		if live, err := second.Live(t.Context()); err != nil || len(live) != many || !strings.HasPrefix(live[cache.Key{1}].Text, "a100: job 1_") {
			t.Errorf("Live = %v, %v", live, err)
		}
		s.launchAll(second, false, nil)
		stop()
		if got := strings.Join(s.notes, "; "); got != fmt.Sprintf("Adopted %d Slurm jobs of an earlier submission.", many/2) || s.count("submissions") != 1 {
			t.Errorf("after %d submissions it says %q", s.count("submissions"), got)
		}
	})
}

// TestClusterLive tells the action that a job computes from those that wait in a job.
func TestClusterLive(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		s.config.PerAllocation = 2
		cluster, stop := s.start()
		s.launchAll(cluster, true, run.ErrDetached)
		stop()
		started := func(jobs int) (keys []byte, step int) {
			live, err := cluster.Live(t.Context())
			if err != nil || len(live) != jobs {
				t.Fatalf("Live has %d jobs, %v, want %d", len(live), err, jobs)
			}
			for key := range byte(many) {
				if j := live[cache.Key{key}]; j.Started {
					keys, step = append(keys, key), j.Progress.Step
				}
			}
			return keys, step
		}
		if keys, _ := started(many); keys != nil {
			t.Errorf("actions %v have started in jobs that are pending", keys)
		}
		begins(s)
		reports(`{"progress":{"step":3,"steps":9}}` + "\n")(s)
		if keys, step := started(many); !slices.Equal(keys, []byte{1}) || step != 3 {
			t.Errorf("actions %v have started, the last at step %d, want 1 at step 3", keys, step)
		}
		reports(`{"failed":{"text":"it broke"}}` + "\n")(s)
		if keys, _ := started(many - 1); keys != nil {
			t.Errorf("action %v failed, and its job goes on with another", keys)
		}
	})
}

// TestClusterAdoptsLater adopts the job of an action that starts after others were
// submitted, as it does where more actions are in the queue than may run at once.
func TestClusterAdoptsLater(t *testing.T) {
	onSlurm(t, func(t *testing.T, s *slurm) {
		first, stop := s.start()
		if err := s.launch(t.Context(), first, true, 1); !errors.Is(err, run.ErrDetached) {
			t.Error(err)
		}
		stop()
		second, stop := s.start()
		for _, key := range []byte{2, 1} {
			if err := s.launch(t.Context(), second, true, key); !errors.Is(err, run.ErrDetached) {
				t.Error(err)
			}
		}
		stop()
		if n := s.count("submissions"); n != 2 {
			t.Errorf("%d submissions of two actions", n)
		}
	})
}
