package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ablate/hcl"
)

// flagError says what is wrong with a flag in our words, and not in those of package
// strconv.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		text = fmt.Sprintf("--%s: %s", invalid.GetFlag().Name, whyInvalid(invalid))
	}
	return fmt.Errorf("%s; see %s --help", text, c.CommandPath())
}

func whyInvalid(e *pflag.InvalidValueError) string {
	want, known := map[string]string{
		"bool": "true or false", "int": "a whole number", "intSlice": "whole numbers with commas between them",
		"float64": "a number", "duration": "a duration such as 90m or 24h",
	}[e.GetFlag().Value.Type()]
	switch {
	case !known: // read by this package
		return e.Unwrap().Error()
	case errors.Is(e, strconv.ErrRange):
		return fmt.Sprintf("%q is out of range", e.GetValue())
	}
	return fmt.Sprintf("must be %s, not %q", want, e.GetValue())
}

// refuseEmpty refuses empty arguments and empty values of flags. A variable of the shell
// that is not set leaves them, and without them a command is about the whole study.
func refuseEmpty(c *cobra.Command, args []string) (err error) {
	if c.Hidden { // also that which completes what is typed so far
		return nil
	}
	if i := slices.Index(args, ""); i >= 0 {
		return fmt.Errorf("argument %d is empty; see %s --help", i+1, c.CommandPath())
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() == "string" && f.Value.String() == "" {
			err = fmt.Errorf("--%s: must not be empty; see %s --help", f.Name, c.CommandPath())
		}
	})
	return err
}

// choice is a flag that takes one of a few words, in any case.
type choice struct {
	to    *string
	words []string
}

// choiceFlag adds a flag that takes one of a few words, which the shell completes. The
// usage has %s where the words belong.
func choiceFlag(flags *pflag.FlagSet, c *cobra.Command, to *string, name, standard, usage string, words ...string) {
	*to = standard
	flags.Var(choice{to, words}, name, fmt.Sprintf(usage, oneOf(words)))
	completeFlag(c, name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// oneOf lists words of which one is wanted: text, svg or dot.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// String implements pflag.Value.
func (c choice) String() string { return *c.to }

// Type implements pflag.Value.
func (choice) Type() string { return "string" }

// Set implements pflag.Value.
func (c choice) Set(value string) error {
	i := slices.IndexFunc(c.words, func(w string) bool { return strings.EqualFold(w, value) })
	if i < 0 {
		return fmt.Errorf("must be %s, not %q", oneOf(c.words), value)
	}
	*c.to = c.words[i]
	return nil
}

// targetFlag adds --target to a command that plans.
func targetFlag(c *cobra.Command, s *session, targets *[]string) {
	c.Flags().StringArrayVar(targets, "target", nil, "only these `instances` and what they depend on: an address, a name, a label, train.*, or norm=derf.*,seed=42; may be repeated")
	completeFlag(c, "target", complete(s, anyInstance, 1))
}

// partialFlag adds --partial to a command that shows answers.
func partialFlag(c *cobra.Command, partial *bool) {
	c.Flags().BoolVar(partial, "partial", false, "answer from the trials that have a result; train nothing")
}

// completeFlag completes the values of a flag in the shell.
func completeFlag(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return f(c, nil, typed)
	}); err != nil {
		panic("cli: " + err.Error()) // the flag does not exist
	}
}

// addVar reads a value of --var. It is taken whole, commas included.
func (s *session) addVar(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("must be name=value, not %q", text)
	}
	s.vars = append(s.vars, hcl.Var{Name: name, Value: value})
	return nil
}

// addVarFile reads a value of --var-file, into one list with --var because later ones win.
func (s *session) addVarFile(name string) error {
	if name == "" {
		return errors.New("must not be empty")
	}
	s.vars = append(s.vars, hcl.Var{File: name})
	return nil
}
