package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/process"
)

const (
	stopGrace    = 15 * time.Second       // for writing a checkpoint after SIGTERM
	pollInterval = 500 * time.Millisecond // between two looks at metrics and checkpoints
)

// call is one call of the program.
type call struct {
	spec    Spec
	env     *pipeline.Env
	dir     Scratch
	kept    *checkpoints
	printed Tail
	output  *output
	rows    *printedMetrics // nil if none are printed

	seen     os.FileInfo      // the COMMIT file of the last checkpoint that was kept
	notKept  os.FileInfo      // the COMMIT file of the last checkpoint that could not be kept
	stopped  bool             // we asked the program to stop, and its children with it
	resumed  bool             // it began at a checkpoint
	watchers [3]watcher       // of the files of rows
	copied   int64            // size of the rows of earlier calls in copiedFile
	before   map[string]int64 // sizes of the files of metrics at the beginning

	stepsKnown bool // the rows of a file of metrics have a step
	counted    bool // those of a file have none
	warned     bool // that it cannot resume
}

// run starts the program and follows it to its end. The error is an
// *exec.ExitError when the program failed by itself.
func (p *call) run(ctx context.Context) error {
	argv, err := p.command()
	if err != nil {
		return err
	}
	trace := p.trace()
	if trace != nil {
		argv = trace.argv(argv)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.dir.Dir, p.environment(), process.BoundGroup()
	pipe, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe for the program's output: %w", err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	p.seen, _ = os.Stat(p.dir.path(resumeFolder, commitFile)) // the restored one, if any
	if info, err := os.Stat(p.dir.path(copiedFile)); err == nil {
		p.copied = info.Size()
	}
	p.before = p.sizesBefore()
	process.AdoptOrphans()
	wait, err := process.Start(cmd)
	write.Close()
	if err != nil {
		pipe.Close()
		return fmt.Errorf("starting %s: %w", argv[0], err)
	}
	log := newLogWriter(os.Stderr)
	p.rows = p.printedMetrics()
	p.output = &output{pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(p.output.done)
		io.Copy(io.MultiWriter(log, &p.printed, p.rows), p.output)
	}()
	err = p.follow(ctx, cmd.Process.Pid, wait)
	if left := process.KillRest(cmd.Process.Pid); left > 0 && !p.stopped {
		p.env.Warn(fmt.Sprintf("the program left %d of its processes running; they were killed, and what they had not written yet is lost", left))
	}
	p.output.end()
	<-p.output.done
	pipe.Close()
	log.close()
	err = p.finish(ctx, err)
	if trace != nil {
		trace.report(p)
	}
	return err
}

// follow watches the program until it ends: it reports metrics and keeps
// checkpoints. It stops the program when the context ends, or when the program
// logs a row that could not be used in the end, or one that cannot be written.
func (p *call) follow(ctx context.Context, pid int, wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var badRow error
	stopping, killing := ctx.Done(), (<-chan time.Time)(nil)
	stop := func() {
		stopping, killing, p.stopped = nil, time.After(stopGrace), true
		process.SignalGroup(pid, syscall.SIGTERM)
	}
	for {
		select {
		case err := <-done:
			return cmp.Or(badRow, err)
		case <-tick.C:
			p.keep(context.WithoutCancel(ctx), false)
			if badRow != nil {
				continue
			}
			if badRow = cmp.Or(p.rows.failed(), p.report(), p.refuseUncounted()); badRow != nil {
				stop()
			}
		case <-stopping:
			stop()
		case <-killing:
			process.SignalGroup(pid, syscall.SIGKILL)
		}
	}
}

// finish takes over what the program left behind when it ended.
func (p *call) finish(ctx context.Context, err error) error {
	fine := err == nil || asksAgain(err)
	if lost := p.rows.end(fine); lost != nil {
		return lost // and not err, which may ask for another call
	}
	// Also when stopped: the program was asked to commit a checkpoint.
	p.keep(context.WithoutCancel(ctx), true)
	if bad := cmp.Or(p.convert(false), p.report()); bad != nil && fine {
		return bad
	}
	return err
}

// keep stores a checkpoint that was committed since the last call. A checkpoint
// that cannot be kept costs time, not the run. One that lacks rows is not kept: a later
// run would resume from it and publish the rest. The user is warned once per trial, at
// the second attempt or the last one: at the first, the program may still be writing.
func (p *call) keep(ctx context.Context, last bool) {
	if p.rows.failed() != nil {
		return
	}
	info, err := os.Stat(p.dir.path(resumeFolder, commitFile))
	if err != nil || sameCommit(p.seen, info) {
		return
	}
	err = p.kept.keep(ctx, p.dir, p.rowsBefore)
	if err == nil {
		p.seen, p.notKept = info, nil
		if !p.warned && (p.counted || p.rows != nil && p.rows.counted.Load()) {
			p.warned = true
			p.env.Warn(cannotResume)
		}
		return
	}
	again := sameCommit(p.notKept, info)
	if !again {
		p.env.Log.Warn("a checkpoint was not kept", "error", err)
		p.notKept = info
	}
	if (last || again && !errors.Is(err, errUnread)) && !p.kept.warned {
		p.env.Warn(fmt.Sprintf("the program's checkpoint cannot be kept, so that a later run would not resume from it: %v", err))
		p.kept.warned = true
	}
}

// sameCommit reports whether a COMMIT file is the one that was seen before, if any.
func sameCommit(seen, now os.FileInfo) bool {
	return seen != nil && os.SameFile(seen, now) && now.ModTime().Equal(seen.ModTime())
}

// errUnread reports that a checkpoint has to wait.
var errUnread = errors.New("what the program printed before is not read yet")

// rowsBefore brings the files of rows up to date with what the program wrote and printed
// before it committed.
func (p *call) rowsBefore() error {
	if p.rows != nil && !p.output.drain(pollInterval) {
		return errUnread
	}
	return cmp.Or(p.rows.failed(), p.convert(true))
}

// command returns what to execute: a name with a slash is a path in the program's
// folder, a bare name is looked up on the PATH.
func (p *call) command() ([]string, error) {
	name := p.spec.Argv[0]
	if strings.ContainsAny(name, `/\`) && !filepath.IsAbs(name) {
		name = p.dir.path(filepath.FromSlash(name))
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return nil, diag.Errorf(diag.Path{"argv"}, "Program not found",
			"%s cannot be run: %v. List a program of the study in files and call it by its path, such as \"./train.py\"; a bare name is looked up on the PATH.", p.spec.Argv[0], errors.Unwrap(err)).Err()
	}
	return slices.Concat([]string{found}, p.spec.Argv[1:], p.spec.arguments()), nil
}

// Inherited lists the environment variables that every program needs to work at
// all. Their values are not part of a key.
var Inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SystemRoot"}

// environment is what the program sees. TMPDIR is in its folder, so that nothing
// of it outlives the folder.
func (p *call) environment() []string {
	var out []string
	for _, name := range slices.Concat(Inherited, []string{"TZ", "CUDA_VISIBLE_DEVICES"}, p.spec.Env) {
		if v, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+v)
		}
	}
	for _, kv := range os.Environ() { // of a job with several tasks, which srun starts
		if strings.HasPrefix(kv, "SLURM_") {
			out = append(out, kv)
		}
	}
	threads := fmt.Sprint(max(1, p.env.Threads))
	return append(out, "LC_ALL=C.UTF-8", "TMPDIR="+p.dir.path(temporary),
		"OMP_NUM_THREADS="+threads, "ABLATE_THREADS="+threads,
		"ABLATE_PARAMETERS="+p.dir.path(parametersFile), "ABLATE_METRICS="+p.dir.path(p.dir.metrics),
		"ABLATE_INPUTS="+p.dir.path(inputsFolder), "ABLATE_OUTPUTS="+p.dir.path(outputsFolder), "ABLATE_RESUME="+p.dir.path(resumeFolder))
}
