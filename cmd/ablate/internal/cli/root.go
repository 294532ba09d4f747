package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
)

// rootCommand is the program with all its commands.
func rootCommand(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "ablate",
		Short: "Declarative, cached factorial ablations of neural-network training",
		Long: "ablate runs factorial ablation studies. It trains only the trials that changed since the last\n" +
			"run, and reports effects, interactions and confidence intervals. A study is a folder of HCL\n" +
			"files.",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: refuseEmpty,
	}
	root.SetIn(s.app.Stdin)
	root.SetOut(s.app.Stdout)
	root.SetErr(s.app.Stderr)
	flags := root.PersistentFlags()
	flags.StringVar(&s.dir, "chdir", ".", "the study's `folder`")
	flags.Func("var", "set a variable, `name=value`; may be repeated", s.addVar)
	flags.Func("var-file", "read variables from a `file`; may be repeated", s.addVarFile)
	flags.BoolVar(&s.json, "json", false, "print one JSON object a line")
	flags.BoolVar(&s.noColor, "no-color", false, "print without colours")
	choiceFlag(flags, root, &s.logLevel, "log", "warn", "log `level` on stderr: %s", "debug", "info", "warn", "error")
	flags.BoolVar(&s.offline, "offline", false, "make no requests to the remote or to data sources")
	root.SetFlagErrorFunc(flagError)
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		var text strings.Builder
		c.SetOut(&text)
		help(c, args)
		c.SetOut(s.app.Stdout)
		s.view().Help(text.String())
	})
	root.AddCommand(
		initCommand(s), validateCommand(s), fmtCommand(s), planCommand(s), runCommand(s),
		showCommand(s), explainCommand(s), diffCommand(s), graphCommand(s), statusCommand(s), uiCommand(s), watchCommand(s), logsCommand(s),
		exportCommand(s), reportCommand(s), powerCommand(s), cacheCommand(s), trustCommand(s), metadataCommand(s), versionCommand(s),
		execCommand(s), superviseCommand(), instancesTopic(),
	)
	completionCommand(root)
	completeNoFiles(root)
	return root
}

// request is what a command line asks for.
type request interface {
	do(context.Context, *session) error
}

// does makes a command carry out a request, whose fields its flags set. Arguments go where into
// says.
func does(s *session, r request, into ...*string) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		for i, a := range args {
			*into[i] = a
		}
		return r.do(c.Context(), s)
	}
}

// Command is the program's command tree, for programs that describe it.
func (a App) Command() *cobra.Command { return rootCommand(&session{app: a}) }

// exitCodes is the last part of each command's help.
func exitCodes(extra string) string {
	list := "\n\nExit codes: 0 done, 1 error"
	if extra != "" {
		list += ", " + extra
	}
	return list + ", 129 hung up,\n130 interrupted or terminated, 141 broken pipe."
}

// noArgs refuses arguments.
func noArgs(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.Flags().Lookup("target") != nil:
		return fmt.Errorf("unexpected argument %q: choose a study with --chdir, instances with --target", args[0])
	}
	return fmt.Errorf("unexpected argument %q: this command takes none; choose a study with --chdir", args[0])
}

// argsBetween refuses fewer or more arguments and shows the command's usage.
func argsBetween(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		return fmt.Errorf("got %s; usage:\n\n    %s", view.Count(len(args), "argument"), c.UseLine())
	}
}

// needSubcommand refuses a group without one of its commands.
func needSubcommand(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	list := fmt.Sprintf("the commands of %s are %s", c.CommandPath(), strings.Join(names, ", "))
	if len(args) == 0 {
		return errors.New("missing command: " + list)
	}
	return fmt.Errorf("unknown command %q: %s", args[0], list)
}
