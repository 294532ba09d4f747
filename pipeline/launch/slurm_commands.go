package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	osexec "os/exec"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ablate/pipeline/process"
)

// job is one task of an array in the queue.
type job struct {
	array string // the array's number
	task  int
	name  string
	state string
	why   string // why it is pending
	nodes string
}

func (j job) String() string {
	id := fmt.Sprintf("job %s_%d", j.array, j.task)
	switch {
	case j.state == "RUNNING" || j.state == "COMPLETING":
		return fmt.Sprintf("%s runs on %s", id, j.nodes)
	case j.why != "" && j.why != "None":
		return fmt.Sprintf("%s is %s (%s)", id, strings.ToLower(j.state), j.why)
	}
	return fmt.Sprintf("%s is %s", id, strings.ToLower(j.state))
}

// slurmTimeout bounds one Slurm command. Slurm's commands retry for long when the
// controller does not answer.
const slurmTimeout = 2 * time.Minute

// runSlurm runs one of Slurm's commands.
func runSlurm(ctx context.Context, name string, args ...string) (string, error) {
	return runSlurmWith(ctx, "", name, args...)
}

// runSlurmWith runs one that reads input.
func runSlurmWith(ctx context.Context, input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, slurmTimeout)
	defer cancel()
	cmd := osexec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = process.OwnGroup() // Ctrl-C must not reach it
	cmd.Cancel = func() error {          // it may be a site's script, whose children hold the pipes
		process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL)
		return nil
	}
	cmd.Stdin = strings.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if errors.Is(err, osexec.ErrNotFound) {
		return "", finalf("%s is not installed on this machine: run ablate where Slurm's commands are, for example on the cluster's login node, or choose another executor", name)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "", fmt.Errorf("%s %s %s", name, noAnswer, slurmTimeout)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %s", name, strings.TrimSpace(oneLine(complaint.String())+" ("+err.Error()+")"))
	}
	return strings.TrimSpace(out.String()), nil
}

// errorPrefix is what Slurm's commands put before a message.
var errorPrefix = regexp.MustCompile(`(?m)^\w+: error: `)

// oneLine joins the lines of an error message of Slurm.
func oneLine(s string) string {
	s = errorPrefix.ReplaceAllString(strings.TrimSpace(s), "")
	return strings.ReplaceAll(s, "\n", "; ")
}

// queue lists all jobs of this user that ablate submitted.
func queue(ctx context.Context) ([]job, error) {
	who, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("looking up the user's name: %w", err)
	}
	out, err := runSlurm(ctx, "squeue", "--noheader", "--array", "--user="+who.Username, "--format=%F|%K|%T|%N|%j|%r")
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, line := range strings.Split(out, "\n") {
		f := strings.SplitN(line, "|", 6)
		if len(f) < 6 || !strings.HasPrefix(f[4], "ablate-") {
			continue
		}
		task, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		jobs = append(jobs, job{array: f[0], task: task, state: f[2], nodes: f[3], name: f[4], why: f[5]})
	}
	return jobs, nil
}

// ending is how a job ended that has left the queue; zero where Slurm does not
// know.
type ending struct{ state, code, why, nodes string }

// jobField is a field of scontrol show job.
var jobField = regexp.MustCompile(`(?:^|\s)(JobState|ExitCode|Reason|NodeList|ArrayTaskId|BatchHost)=(\S*)`)

// endingOf asks how a task ended. Slurm remembers it for some minutes.
func endingOf(ctx context.Context, array string, task int) ending {
	out, err := runSlurm(ctx, "scontrol", "--oneliner", "show", "job", fmt.Sprintf("%s_%d", array, task))
	if err != nil {
		return ending{}
	}
	var e ending
	for _, line := range strings.Split(out, "\n") {
		for _, m := range jobField.FindAllStringSubmatch(line, -1) {
			switch m[1] {
			case "JobState":
				e.state = m[2]
			case "ExitCode":
				e.code = m[2]
			case "Reason":
				e.why = m[2]
			case "NodeList":
				e.nodes = m[2]
			}
		}
	}
	return e
}

// noAnswer is in our own error of a command that took too long.
const noAnswer = "did not answer within"

// noController is what Slurm's commands say when its controller does not answer.
const noController = "Unable to contact"

// unanswered reports whether an error of one of Slurm's commands says that the
// controller did not answer, as while it restarts or is busy.
func unanswered(err error) bool {
	return slices.ContainsFunc([]string{noController, noAnswer, "timed out", "Zero Bytes", "temporarily"},
		func(says string) bool { return strings.Contains(err.Error(), says) })
}

// explainSlurm adds what to do to an error of one of Slurm's commands.
func explainSlurm(label string, err error) error {
	if strings.Contains(err.Error(), noController) {
		return fmt.Errorf("executor %q: Slurm's controller does not answer: %w: run again when sinfo works", label, err)
	}
	return fmt.Errorf("executor %q: %w", label, err)
}

// explainSubmission adds what to do to an error of sbatch. It is final only where Slurm
// is known to reject the job again: most other errors are those of a moment.
func explainSubmission(label string, err error) error {
	for _, c := range []struct{ has, then string }{
		{"invalid partition", "name one that sinfo lists, with partition = \"…\""},
		{"Invalid partition", "name one that sinfo lists, with partition = \"…\""},
		{"gres", "ask for what sinfo --format='%P %G' lists, in resources { gpus } or arguments"},
		{"node configuration is not available", "no node of the partition has what resources asks for: ask for less"},
		{"Memory specification", "no node of the partition has that much memory: ask for less"},
		{"account", "name one of yours, with arguments = [\"--account=…\"]"},
		{"QOS", "that is a limit of the cluster: lower jobs in the executor block, or wait until earlier jobs have ended"},
		{"Limit", "that is a limit of the cluster: lower jobs in the executor block, or wait until earlier jobs have ended"},
		{"limit", "that is a limit of the cluster: lower jobs or time in the executor block, or wait until earlier jobs have ended"},
	} {
		if strings.Contains(err.Error(), c.has) {
			return finalf("executor %q: Slurm rejected the job: %w: %s", label, err, c.then)
		}
	}
	return explainSlurm(label, err)
}

// explainEnding says why a job left no result. again is true where another job may end
// otherwise at once; that memory ran out is for retries to decide. The rest is final.
func explainEnding(name string, e ending, tail string) (err error, again bool) {
	where := ""
	if e.nodes != "" && e.nodes != "(null)" {
		where = " on " + e.nodes
	}
	switch {
	case e.state == "":
		return fmt.Errorf("%s left the queue without a result%s", name, tail), true
	case e.code == fmt.Sprintf("%d:0", ExitUnseen), e.code == "0:53": // 53: the output file cannot be opened
		return finalf("%s cannot see the store%s: put the store in a folder that all nodes see, and set it with cache { dir } or ABLATE_CACHE_DIR%s", name, where, tail), false
	case e.code == "127:0", e.code == "126:0":
		return finalf("%s found no ablate%s: install it there, and name it with program = \"…\" in the executor block%s", name, where, tail), false
	case e.state == "CANCELLED":
		return finalf("%s was cancelled. Its checkpoints are kept; run again to resume", name), false
	case e.state == "OUT_OF_MEMORY":
		return fmt.Errorf("%s ran out of memory%s: ask for more in resources { memory }", name, where), false
	}
	return fmt.Errorf("%s ended as %s%s (exit code %s, %s) without a result%s", name, e.state, where, e.code, e.why, tail), true
}
