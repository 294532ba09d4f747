package program

import (
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
	"ablate/stages/record"
)

const (
	again = 75               // the exit code that says: checkpointed, call me again
	grace = 15 * time.Second // to write a checkpoint when asked to stop
	look  = 500 * time.Millisecond
)

// Run runs the program until it is done, going on from what it last committed,
// and stores what was declared. With metrics, rows are one of the outputs.
func (s Spec) Run(ctx context.Context, env *pipeline.Env, metrics string) error {
	dir, err := makeScratch(s, env)
	if err != nil {
		return err
	}
	defer dir.remove()
	kept, err := openCheckpoints(ctx, s, env.Inputs, env.States)
	if err != nil {
		return err
	}
	if err := kept.restore(ctx, dir); err != nil {
		return err
	}
	if kept.last > 0 {
		env.Log.Info("goes on from its checkpoint", "number", kept.last)
	}
	if err := s.untilDone(ctx, env, dir, kept); err != nil {
		return err
	}
	if err := s.collect(env, dir, metrics); err != nil {
		return err
	}
	return kept.finish(ctx)
}

// Survey says whether there is a checkpoint to go on from.
func (s Spec) Survey(ctx context.Context, in pipeline.Inputs, states pipeline.States) (pipeline.Survey, error) {
	kept, err := openCheckpoints(ctx, s, in, states)
	if err != nil || kept.last == 0 {
		return pipeline.Survey{}, err
	}
	return pipeline.Survey{Text: fmt.Sprintf("goes on from checkpoint %d of an unfinished run", kept.last)}, nil
}

// untilDone calls the program as often as it asks for, as long as it gets on.
func (s Spec) untilDone(ctx context.Context, env *pipeline.Env, dir scratch, kept *checkpoints) error {
	for {
		before := kept.last
		p := &process{spec: s, env: env, dir: dir, kept: kept}
		err := p.run(ctx)
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			return nil
		case !errors.As(err, &exit):
			return err
		case exit.ExitCode() != again:
			return fmt.Errorf("%s: %s%s", strings.Join(s.Argv, " "), describeExit(exit), p.said.end())
		case kept.last == before:
			return fmt.Errorf("%s asked to be called again (exit status %d), but committed no checkpoint since it was called last%s",
				strings.Join(s.Argv, " "), again, p.said.end())
		}
		env.Log.Info("called again", "checkpoint", kept.last)
	}
}

// describeExit says how a program failed.
func describeExit(exit *exec.ExitError) string {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return "it was killed, perhaps because memory ran out"
	}
	return exit.Error()
}

// process is one call of the program.
type process struct {
	spec Spec
	env  *pipeline.Env
	dir  scratch
	kept *checkpoints
	said tail

	seen     os.FileInfo // the COMMIT that was kept
	progress watcher
}

// run starts the program and follows it to its end. The error is an
// *exec.ExitError when it ended badly by itself.
func (p *process) run(ctx context.Context) error {
	argv, err := p.command()
	if err != nil {
		return err
	}
	trace := p.trace()
	cmd := exec.Command(argv[0], argv[1:]...)
	if trace != nil {
		cmd = exec.Command(trace.argv(argv)[0], trace.argv(argv)[1:]...)
	}
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.dir.dir, p.environment(), ownGroup()
	output, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("piping from the program: %w", err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	p.seen, _ = os.Stat(p.dir.path(resumeFolder, commitFile)) // the one restored, if any
	adopt()
	err = cmd.Start()
	write.Close()
	if err != nil {
		output.Close()
		return fmt.Errorf("starting %s: %w", argv[0], err)
	}
	read := make(chan struct{})
	go func() { // ends when nobody holds the pipe any more
		defer close(read)
		io.Copy(io.MultiWriter(os.Stderr, &p.said), output)
	}()
	err = p.follow(ctx, cmd)
	if left := cleanUp(cmd.Process.Pid); left > 0 {
		p.env.Warn(fmt.Sprintf("it left %d of its processes running, which were killed: what they would still have written is lost", left))
	}
	select {
	case <-read:
	case <-time.After(time.Second): // somebody we cannot reach holds it
	}
	output.Close()
	if trace != nil {
		trace.report(p)
	}
	return err
}

// follow watches the program until it ends: metrics for people, checkpoints
// for the store. When asked to stop, it passes that on.
func (p *process) follow(ctx context.Context, cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(look)
	defer tick.Stop()
	stopping, killing := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case err := <-done:
			// Also when stopped: what was committed then is the point of it.
			p.keep(context.WithoutCancel(ctx))
			return err
		case <-tick.C:
			p.keep(context.WithoutCancel(ctx))
			p.progress.report(p)
		case <-stopping:
			stopping, killing = nil, time.After(grace)
			signalGroup(cmd.Process.Pid, syscall.SIGTERM)
		case <-killing:
			signalGroup(cmd.Process.Pid, syscall.SIGKILL)
		}
	}
}

// keep stores a checkpoint that was committed since the last look. One that
// cannot be kept costs time, not the run.
func (p *process) keep(ctx context.Context) {
	info, err := os.Stat(p.dir.path(resumeFolder, commitFile))
	if err != nil || p.seen != nil && os.SameFile(p.seen, info) && info.ModTime().Equal(p.seen.ModTime()) {
		return
	}
	if err := p.kept.keep(ctx, p.dir); err != nil {
		p.env.Log.Warn("a checkpoint was not kept", "error", err)
		return
	}
	p.seen = info
}

// command is what to execute: a path with a slash is in the program's folder,
// a bare name on the PATH.
func (p *process) command() ([]string, error) {
	name := p.spec.Argv[0]
	if strings.ContainsAny(name, `/\`) && !filepath.IsAbs(name) {
		name = p.dir.path(filepath.FromSlash(name))
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return nil, diag.Errorf(diag.Path{"argv"}, "Program not found",
			"%s cannot be run: %v. A program of the study stands in files and is called by its path, as \"./train.py\"; others are found on the PATH.", p.spec.Argv[0], errors.Unwrap(err)).Err()
	}
	return append([]string{found}, p.spec.Argv[1:]...), nil
}

// Inherited is what of our environment every program needs to work at all. It
// is no part of a key.
var Inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SystemRoot"}

// environment is what the program sees. TMPDIR is its own, so that nothing of
// it outlives the folder.
func (p *process) environment() []string {
	var out []string
	for _, name := range slices.Concat(Inherited, []string{"TZ", "CUDA_VISIBLE_DEVICES"}, p.spec.Env) {
		if v, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+v)
		}
	}
	threads := fmt.Sprint(max(1, p.env.Threads))
	return append(out, "LC_ALL=C.UTF-8", "TMPDIR="+p.dir.path(temporary),
		"OMP_NUM_THREADS="+threads, "ABLATE_THREADS="+threads,
		"ABLATE_PARAMETERS="+p.dir.path(parametersFile), "ABLATE_METRICS="+p.dir.path(metricsFile),
		"ABLATE_INPUTS="+p.dir.path(inputsFolder), "ABLATE_OUTPUTS="+p.dir.path(outputsFolder), "ABLATE_RESUME="+p.dir.path(resumeFolder))
}

// collect stores the outputs: exactly those that were declared.
func (s Spec) collect(env *pipeline.Env, dir scratch, metrics string) error {
	made, err := os.ReadDir(dir.path(outputsFolder))
	if err != nil {
		return fmt.Errorf("looking for outputs: %w", err)
	}
	for _, f := range made {
		if !slices.Contains(s.Outputs, f.Name()) || !f.Type().IsRegular() {
			return diag.Errorf(diag.Path{"outputs"}, "Undeclared output",
				"The program made %q in its folder %s, and no output has that name. Declare it, or write it elsewhere; an output is one file.", f.Name(), outputsFolder).Err()
		}
	}
	for _, name := range s.Outputs {
		err := artifact(env, name, dir.path(outputsFolder, name))
		if errors.Is(err, os.ErrNotExist) {
			return diag.Errorf(diag.Path{"outputs"}, "Output missing", "The program ended well, but made no file %q in its folder %s.", name, outputsFolder).Err()
		}
		if err != nil {
			return err
		}
	}
	if metrics == "" {
		return nil
	}
	return collectMetrics(env, dir, metrics)
}

func collectMetrics(env *pipeline.Env, dir scratch, name string) error {
	rows, err := readRows(dir.path(metricsFile))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(rows) == 0 {
		return diag.Errorf(diag.Path{"argv"}, "No metrics",
			"The program ended well, but wrote no metrics. Each line of the file that ABLATE_METRICS names is one value: {\"step\": 10, \"name\": \"val_loss\", \"value\": 2.5}.").Err()
	}
	if err != nil {
		return err
	}
	w, err := env.Create(name)
	if err != nil {
		return err
	}
	if err := record.Write(w, settle(rows)); err != nil {
		return fmt.Errorf("storing the metrics: %w", err)
	}
	return w.Close()
}
