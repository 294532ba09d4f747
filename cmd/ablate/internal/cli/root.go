package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
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
		PersistentPreRunE: func(*cobra.Command, []string) error { // also for commands that log nothing
			return oneOf("log", strings.ToLower(s.logLevel), "debug", "info", "warn", "error")
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.dir, "chdir", ".", "the study's `folder`")
	flags.Var(varFlag{s}, "var", "set a variable, `name=value`; may be repeated")
	flags.Var(varFileFlag{s}, "var-file", "read variables from a `file`; may be repeated")
	flags.BoolVar(&s.json, "json", false, "print one JSON object a line")
	flags.BoolVar(&s.noColor, "no-color", false, "print without colours")
	flags.StringVar(&s.logLevel, "log", "warn", "log `level` on stderr: debug, info, warn or error")
	flags.BoolVar(&s.offline, "offline", false, "make no requests to the remote or to data sources")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%s; see %s --help", inWords(err.Error()), c.CommandPath())
	})
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
	return root
}

// goText is what package strconv says of a flag's value.
var goText = regexp.MustCompile(`strconv\.(\w+): parsing "[^"]*": (.*)$`)

// inWords says what is wrong with the value of a flag in our words.
func inWords(text string) string {
	m := goText.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	why := map[string]string{"ParseBool": "it is neither true nor false", "ParseFloat": "it is not a number"}[m[1]]
	if why == "" {
		why = "it is not a whole number"
	}
	if strings.Contains(m[2], "range") {
		why = "it is out of range"
	}
	return strings.TrimSuffix(text, m[0]) + why
}

// targetFlag adds --target to a command that plans.
func targetFlag(c *cobra.Command, s *session, targets *[]string) {
	c.Flags().StringArrayVar(targets, "target", nil, "only these `instances` and what they depend on: an address, a name, a label, train.*, or norm=derf.*,seed=42; may be repeated")
	completeFlag(c, "target", complete(s, anyInstance, 1))
}

// completeFlag completes the values of a flag in the shell.
func completeFlag(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return f(c, nil, typed)
	}); err != nil {
		panic("cli: " + err.Error()) // the flag does not exist
	}
}

// choices completes one of a few words.
func choices(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// partialFlag adds --partial to a command that shows answers.
func partialFlag(c *cobra.Command, partial *bool) {
	c.Flags().BoolVar(partial, "partial", false, "answer from the trials that have a result; train nothing")
}

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

// oneOf refuses a flag's value that is not in a list.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	last := len(allowed) - 1
	return fmt.Errorf("--%s: must be %s or %s, not %q", flag, strings.Join(allowed[:last], ", "), allowed[last], value)
}

// varFlag collects --var. The value is taken whole, commas included.
type varFlag struct{ s *session }

// String implements pflag.Value.
func (varFlag) String() string { return "" }

// Type implements pflag.Value.
func (varFlag) Type() string { return "name=value" }

// Set implements pflag.Value.
func (f varFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not of the form name=value", text)
	}
	f.s.vars = append(f.s.vars, hcl.Var{Name: name, Value: value})
	return nil
}

// varFileFlag collects --var-file, in one list with --var because later ones win.
type varFileFlag struct{ s *session }

// String implements pflag.Value.
func (varFileFlag) String() string { return "" }

// Type implements pflag.Value.
func (varFileFlag) Type() string { return "file" }

// Set implements pflag.Value.
func (f varFileFlag) Set(name string) error {
	if name == "" {
		return errors.New("the file name is empty")
	}
	f.s.vars = append(f.s.vars, hcl.Var{File: name})
	return nil
}
