package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"ablate/cmd/ablate/internal/cli"
)

// handleSignals cancels at the first signal and exits at the second, without waiting
// for anything. A child of a run does not exit at the second: the kernel may report
// the death of its supervisor several times, and the run kills a child that is late.
func handleSignals(cancel context.CancelCauseFunc, child bool) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() { // lives as long as the process
		cancel(causeOf(<-signals))
		if child {
			return
		}
		os.Exit(causeOf(<-signals).Code)
	}()
}

func causeOf(s os.Signal) cli.Stop {
	switch s {
	case syscall.SIGTERM:
		return cli.Terminated
	case syscall.SIGHUP:
		return cli.HungUp
	}
	return cli.Interrupted
}

// pipeWatcher is a stream that cancels when its reader has gone.
type pipeWatcher struct {
	io.Writer
	cancel context.CancelCauseFunc
}

// Write implements io.Writer.
func (p pipeWatcher) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.cancel(cli.BrokenPipe)
	}
	return n, err
}

// watchPipe watches a stream that is a pipe. A terminal or a file is returned as it
// is, since views ask which it is.
func watchPipe(f *os.File, cancel context.CancelCauseFunc) io.Writer {
	if info, err := f.Stat(); err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return f
	}
	return pipeWatcher{f, cancel}
}
