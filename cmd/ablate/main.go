// Command ablate plans, runs and analyses factorial ablation studies.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"ablate/cmd/ablate/internal/cli"
	"ablate/pipeline/process"
	"ablate/stages"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	child := servesParent(os.Args)
	handleSignals(cancel, child)
	process.SurvivePipes()
	log.SetOutput(io.Discard) // net/http logs what servers send, unasked and unescaped
	app := cli.App{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Kinds: stages.All(),
	}
	if !child {
		app.Stdout, app.Stderr = watchPipe(os.Stdout, cancel), watchPipe(os.Stderr, cancel)
	}
	os.Exit(app.Run(ctx, os.Args[1:]))
}

// servesParent reports whether the command speaks to a parent process. That one's
// death shows on standard input, and what was reached then is still saved.
func servesParent(args []string) bool {
	return len(args) > 1 && (args[1] == "exec" || args[1] == "supervise")
}
