// Command ablate plans, runs and analyses factorial ablation studies.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

// errInterrupted is the cause of a context that a signal cancelled.
var errInterrupted = errors.New("interrupted")

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		cancel(errInterrupted)
		<-signals
		os.Exit(cli.ExitInterrupted) // without waiting for anything
	}()
	app := cli.App{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Kinds: stages.All(),
	}
	os.Exit(app.Run(ctx, os.Args[1:]))
}
