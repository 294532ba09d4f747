// Package cli turns arguments into requests, calls the packages below, and
// turns what comes back into exit codes. One file is one command. Rendering is
// package view's; nothing here prints by itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/launch"
	"ablate/pipeline/run"
)

// Exit codes, as every command's help lists them.
const (
	ExitDone        = 0
	ExitError       = 1
	ExitChanges     = 2
	ExitPartial     = 3
	ExitInterrupted = 130
)

// App is one invocation's surroundings.
type App struct {
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Environ []string
	Kinds   []pipeline.Kind
	Files   fsys.FS // on which the store lives; nil is the machine's own
}

// exitError is an outcome that is no failure but has an exit code of its own.
type exitError struct{ code int }

func (e exitError) Error() string { return "" }

// Run executes a command line and returns the exit code.
func (a App) Run(ctx context.Context, args []string) int {
	g := &globals{app: a}
	defer g.idle.Close()
	root := g.root()
	root.SetArgs(args)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	err := root.ExecuteContext(ctx)
	code := g.exit(ctx, err)
	if lost := g.view().Lost(); lost != nil {
		g.view().Note("Error: the result could not be written out: %v", lost)
		return ExitError
	}
	return code
}

// exit reports an error, once, and maps it to a code.
func (g *globals) exit(ctx context.Context, err error) int {
	var with exitError
	var failed *run.FailedError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &with):
		return with.code
	case ctx.Err() != nil:
		g.view().Note("Interrupted. What is finished is kept; run again to go on.")
		return ExitInterrupted
	case errors.As(err, &failed): // each was reported when it happened
		if g.keepGoing || g.partial {
			return ExitPartial
		}
		return ExitError
	}
	if list, ok := diag.From(err); ok {
		g.view().Diagnostics(list)
		return ExitError
	}
	g.view().Error(err)
	return ExitError
}

// globals are the flags that every command has, and what follows from them.
type globals struct {
	app App

	dir       string
	vars      []variableFlag
	targets   []string
	json      bool
	noColor   bool
	logLevel  string
	keepGoing bool // of run
	partial   bool // of run, show and report
	trace     bool // of run
	offline   bool

	shown      *view.View  // made on first use
	configured *hcl.Config // read on first use

	idle launch.Idle // children of run

	asked time.Time            // when logs last asked Slurm's queue
	jobs  map[cache.Key]string // what it answered
}

// view returns the invocation's view.
func (g *globals) view() *view.View {
	if g.shown == nil {
		g.shown = view.New(view.Options{
			Stdout: g.app.Stdout, Stderr: g.app.Stderr, JSON: g.json,
			Color: !g.noColor && view.ColorWanted(g.app.Environ, g.app.Stderr), ColorResults: view.IsTerminal(g.app.Stdout),
		})
	}
	return g.shown
}

func (g *globals) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ablate",
		Short: "Declarative, cached factorial ablations of neural-network training",
		Long: "ablate trains the trials of a factorial study that really changed, and answers with\n" +
			"effects, interactions and confidence intervals. A study is a folder of HCL files.",
		SilenceUsage: true, SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.dir, "chdir", ".", "the study's `folder`")
	flags.Var(varFlag{g}, "var", "set a variable, `name=value`; may be repeated")
	flags.Var(varFileFlag{g}, "var-file", "read variables from a `file`; may be repeated")
	flags.BoolVar(&g.json, "json", false, "print one JSON object a line")
	flags.BoolVar(&g.noColor, "no-color", false, "print without colours")
	flags.StringVar(&g.logLevel, "log", "warn", "what to log on stderr: debug, info, warn or error")
	flags.BoolVar(&g.offline, "offline", false, "ask neither the remote nor the servers of sources")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists what there is", err, c.CommandPath())
	})
	root.AddCommand(
		g.initCommand(), g.validateCommand(), g.fmtCommand(), g.planCommand(), g.runCommand(),
		g.showCommand(), g.explainCommand(), g.diffCommand(), g.graphCommand(), g.statusCommand(), g.logsCommand(), g.exportCommand(), g.reportCommand(),
		g.cacheCommand(), g.metadataCommand(), g.versionCommand(), g.execCommand(),
	)
	return root
}

// targetFlag adds --target to commands that plan.
func (g *globals) targetFlag(c *cobra.Command) {
	c.Flags().StringArrayVar(&g.targets, "target", nil, "only these instances and what they need: an `address`, train.*, or norm=derf.*,seed=42; may be repeated")
}

// codes is the last part of each command's help.
func codes(extra string) string {
	s := "\n\nExit codes: 0 done, 1 error"
	if extra != "" {
		s += ", " + extra
	}
	return s + ", 130 interrupted."
}

// noArgs refuses arguments in our words.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errors.New("unexpected argument " + args[0] + ": a study is chosen with --chdir, instances with --target")
	}
	return nil
}

// arguments refuses more or fewer, and shows how the command is written.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		return fmt.Errorf("%s given: write\n\n    %s", count(len(args), "argument"), c.UseLine())
	}
}

// commandOf refuses what is no command of a group.
func commandOf(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	there := fmt.Sprintf("%s has %s", c.CommandPath(), strings.Join(names, ", "))
	if len(args) == 0 {
		return errors.New("a command is missing: " + there)
	}
	return fmt.Errorf("unknown command %q: %s", args[0], there)
}

// environ finds a variable in the invocation's environment.
func (g *globals) environ(name string) string {
	for i := len(g.app.Environ) - 1; i >= 0; i-- {
		if kv := g.app.Environ[i]; len(kv) > len(name) && kv[:len(name)] == name && kv[len(name)] == '=' {
			return kv[len(name)+1:]
		}
	}
	return ""
}

// executable is the path of the running program.
func executable() (string, error) { return os.Executable() }
