package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	osexec "os/exec"
	"strings"
	"time"

	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/process"
)

// stopGrace is how long a child may take to stop cleanly, unless its launcher says
// otherwise.
const stopGrace = 20 * time.Second

// killGrace is how long a supervisor may take to kill its child.
const killGrace = 5 * time.Second

// conversation is a child that speaks the protocol.
type conversation struct {
	cmd     *osexec.Cmd
	stdin   io.WriteCloser
	stdout  io.Reader
	answers *json.Decoder // of stdout
	started bool          // the child has read the last request
	grace   time.Duration // how long the child may take to stop cleanly
}

// start starts a child.
func start(cmd *osexec.Cmd, log io.Writer, grace time.Duration) (*conversation, error) {
	cmd.Stderr = log
	cmd.SysProcAttr = process.OwnGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("piping to the child: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("piping from the child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a child process: %w", err)
	}
	return &conversation{cmd: cmd, stdin: stdin, stdout: stdout, answers: json.NewDecoder(stdout), grace: grace}, nil
}

// ask sends a request and returns the last message of the answer, nil where the
// child died. When the context ends, it closes the child's stdin, and kills a child
// that does not stop within its grace.
func (c *conversation) ask(ctx context.Context, req action.Request, progress func(pipeline.Progress)) (*message, error) {
	stop := context.AfterFunc(ctx, func() {
		c.stdin.Close()
		time.AfterFunc(c.grace, c.kill)
	})
	defer stop()
	c.started = false
	sent := json.NewEncoder(c.stdin).Encode(req)
	for {
		var m message
		switch err := c.answers.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil, nil // how it ended says more than a pipe that broke
		case err != nil:
			return nil, errors.Join(sent, fmt.Errorf("reading the child's messages: %w", err))
		}
		c.started = true // or an earlier version, which does not say so first
		switch {
		case m.Started != nil:
		case m.Progress != nil:
			progress(*m.Progress)
		default:
			return &m, nil
		}
	}
}

// kill kills the child, and what it started where it is supervised.
func (c *conversation) kill() {
	if c.cmd.Process.Signal(process.KillSignal) != nil {
		return // it has ended
	}
	time.AfterFunc(killGrace, func() { c.cmd.Process.Kill() })
}

// end closes the child's stdin and waits for its end. It kills a child that does not
// end within its grace.
func (c *conversation) end() error {
	c.stdin.Close()
	late := time.AfterFunc(c.grace, c.kill)
	defer late.Stop()
	io.Copy(io.Discard, c.stdout)
	return c.cmd.Wait()
}

// outcome is how an action ended: by the child's last message, or by how the child
// ended where it sent none.
func outcome(ctx context.Context, req action.Request, log io.Writer, last *message, err error) error {
	switch {
	case last != nil && last.Done != nil: // it is published, also if that was too late
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case last != nil && last.Failed != nil:
		return last.Failed.err()
	case last != nil && last.Stopped != nil:
		return ErrStopped
	case err == nil:
		err = errors.New("it ended without a final message")
	}
	fmt.Fprintln(log, "the process died:", err)
	var exit *osexec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == killedCode || strings.Contains(exit.String(), "killed")) {
		return fmt.Errorf("the child process of %s died: %w: unless someone killed it, the machine ran out of memory. Run fewer actions at once with --jobs, or make the model, batch or vocabulary smaller", req.Address, err)
	}
	return fmt.Errorf("the child process of %s died: %w", req.Address, err)
}

// killedCode is how shells and the supervisor report a process that was killed.
const killedCode = 128 + 9
