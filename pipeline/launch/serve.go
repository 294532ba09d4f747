package launch

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/source"
)

// errClosed is why a child ends early: its parent asked it to, or died.
var errClosed = errors.New("the parent process closed the connection")

// Child serves requests as ablate exec.
type Child struct {
	Kinds   []pipeline.Kind
	Store   cache.Store
	Memo    pipeline.Memo
	Sources func(dir string) (pipeline.Sources, error)
	Host    action.Host
	Log     *slog.Logger
	Program string        // this program's version
	Grace   time.Duration // how long an action may take to stop; 0 means two minutes
}

// lateGrace is how long an action may take to stop before its process ends itself. The
// parent kills it sooner, unless it has died. Slurm gives as long.
const lateGrace = 2 * time.Minute

// Serve reads a request from in, computes it and answers on out; then the next one,
// if the last allows another. The returned error has been sent to the parent.
func (c Child) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answer := &answerer{enc: json.NewEncoder(out)}
	requests, kept := requestLines(in, cancel), new(pipeline.Kept)
	line, ok := <-requests
	if !ok {
		return errors.New("no request on stdin")
	}
	for ok {
		reuse, err := c.compute(ctx, line, kept, answer)
		if err != nil {
			if ctx.Err() != nil {
				c.Log.Info("stopped", "cause", context.Cause(ctx))
				answer.send(message{Stopped: &struct{}{}})
				return err
			}
			c.Log.Error("failed", "error", err)
			answer.send(message{Failed: newFailure(err)})
			return err
		}
		answer.send(message{Done: &struct{}{}})
		if !reuse {
			break
		}
		line, ok = <-requests
	}
	return nil
}

// requestLines yields lines until the parent closes the stream or dies, and then
// cancels.
func requestLines(in io.Reader, cancel context.CancelCauseFunc) <-chan []byte {
	lines := make(chan []byte)
	go func() { // ends with the process or when stdin does
		defer close(lines)
		defer cancel(errClosed)
		stream := bufio.NewReader(in)
		for {
			line, err := stream.ReadBytes('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	return lines
}

// compute serves one line, and reports whether another may follow.
func (c Child) compute(ctx context.Context, line []byte, kept *pipeline.Kept, answer *answerer) (reuse bool, err error) {
	answer.send(message{Started: &struct{}{}})
	var req action.Request
	if err := json.Unmarshal(line, &req); err != nil {
		return false, fmt.Errorf("reading the request: %w", err)
	}
	if req.Log != "" {
		if err := redirect(req.Log); err != nil {
			return false, err
		}
	}
	for _, kv := range req.Environ {
		name, value, _ := strings.Cut(kv, "=")
		if err := os.Setenv(name, value); err != nil {
			return false, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	if req.Threads > 0 { // a process is kept for actions with other shares of the cores
		runtime.GOMAXPROCS(req.Threads)
	}
	if err := c.do(ctx, req, kept, answer); err != nil {
		return false, err
	}
	if req.LogEnd != "" {
		if _, err := os.Stderr.WriteString(req.LogEnd); err != nil {
			return false, fmt.Errorf("ending the log: %w", err)
		}
	}
	return req.Reusable, nil
}

// do computes one request.
func (c Child) do(ctx context.Context, req action.Request, kept *pipeline.Kept, answer *answerer) error {
	if req.Program != "" && req.Program != c.Program {
		return finalf("%s runs ablate %s, but this run was planned by ablate %s: install the same version there, or set program = \"…\" in the executor block",
			c.Host.Name, c.Program, req.Program)
	}
	defer c.exitLate(ctx)()
	if _, err := c.Store.Lookup(ctx, req.InputKeys()...); err != nil { // pulls them where the store is another one
		return fmt.Errorf("looking up the inputs: %w", err)
	}
	switch done, err := c.published(ctx, req.Key); {
	case err != nil:
		return fmt.Errorf("looking up the result of an earlier attempt: %w", err)
	case done:
		c.Log.Info("an earlier attempt has published the result", "address", req.Address.String(), "key", req.Key.String())
		return nil
	}
	sources, err := c.Sources(req.Dir)
	if err != nil {
		return err
	}
	if req.Frozen != nil {
		sources = &source.Frozen{Sources: sources, Listing: *req.Frozen, Store: c.Store}
	}
	a, err := req.Action(c.Kinds, sources, c.Memo)
	if err != nil {
		return err
	}
	w := action.Worker{Store: c.Store, Host: c.Host, Threads: req.Threads, Trace: req.Trace, Log: c.Log, Clock: time.Now, Kept: kept,
		Progress: func(p pipeline.Progress) { answer.send(message{Progress: &p}) }}
	c.Log.Info("start", "address", req.Address.String(), "key", req.Key.String(), "threads", req.Threads)
	entry, err := w.Compute(ctx, a)
	if err != nil {
		return err
	}
	for _, o := range entry.Artifacts {
		c.Log.Info("output", "artifact", o.Name, "digest", o.Digest.String(), "bytes", o.Size)
	}
	return nil
}

// publisher is a store whose results count only when another store has them, too.
type publisher interface {
	Published(context.Context, cache.Key) (bool, error)
}

// published reports whether there is a result: an attempt of which the run has lost
// sight may have published one since.
func (c Child) published(ctx context.Context, k cache.Key) (bool, error) {
	if p, ok := c.Store.(publisher); ok {
		return p.Published(ctx, k)
	}
	found, err := c.Store.Lookup(ctx, k)
	return err == nil && found[0].OK && len(found[0].Absent) == 0, err
}

// exitLate ends the process if the action does not stop in time after the context ends.
// Code that ignores its context would otherwise outlive the run. The process holds no
// lease, and what it had not published is lost. stopped says that the action stopped.
func (c Child) exitLate(ctx context.Context) (stopped func()) {
	ended, grace := make(chan struct{}), cmp.Or(c.Grace, lateGrace)
	go func() {
		select {
		case <-ctx.Done():
		case <-ended:
			return
		}
		select {
		case <-time.After(grace):
		case <-ended:
			return
		}
		time.AfterFunc(killGrace, func() { os.Exit(1) }) // the log may find no reader
		c.Log.Error("the action did not stop, so its process was ended", "cause", context.Cause(ctx), "after", grace)
		os.Exit(1)
	}()
	return func() { close(ended) }
}

// answerer serialises messages: progress may come from another goroutine.
type answerer struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func (a *answerer) send(m message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enc.Encode(m) // that the parent died shows on stdin
}
