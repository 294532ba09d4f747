package program

import (
	"regexp"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// Forms in which parameters are arguments.
const (
	argparseFlags = "argparse"
	hydraFlags    = "hydra"
)

func (s Spec) validateFlags() (list diag.List) {
	if !slices.Contains([]string{"", argparseFlags, hydraFlags}, s.Flags) {
		return diag.Errorf(diag.Path{"flags"}, "Unknown flags", "flags must be %s or %s, not %q.", argparseFlags, hydraFlags, s.Flags)
	}
	for _, name := range sortedKeys(s.Parameters) {
		if s.Flags != "" && strings.ContainsAny(name, "= \t\n") {
			list = append(list, diag.Errorf(diag.Path{"parameters"}, "Invalid name of a flag",
				"The parameter %q cannot be passed as a flag, since its name has a space or an equals sign.", name)...)
		}
	}
	return list
}

// arguments are the parameters as arguments of the program, sorted by name.
func (s Spec) arguments() (out []string) {
	if s.Flags == "" {
		return nil
	}
	for _, name := range sortedKeys(s.Parameters) {
		if s.Flags == hydraFlags {
			out = append(out, name+"="+hydraValue(s.Parameters[name]))
		} else {
			out = append(out, argparseFlag(name, s.Parameters[name])...)
		}
	}
	if _, chosen := s.Parameters[hydraFolder]; s.Flags == hydraFlags && !chosen {
		out = append(out, hydraFolder+"=.")
	}
	return out
}

// hydraFolder is where Hydra writes its log. Its default is below the folder of
// declared outputs.
const hydraFolder = "hydra.run.dir"

// argparseFlag is a parameter as Python's argparse reads it: a bool is a flag that is
// present or not. A value that looks like a flag needs an equals sign.
func argparseFlag(name string, l addr.Level) []string {
	if !strings.HasPrefix(name, "-") {
		name = "--" + name
	}
	switch {
	case l.Kind == "bool" && l.Text == "true":
		return []string{name}
	case l.Kind == "bool":
		return nil
	case strings.HasPrefix(l.Text, "-") && strings.HasPrefix(name, "--"):
		return []string{name + "=" + l.Text}
	}
	return []string{name, l.Text}
}

// hydraWord matches texts that Hydra reads as texts without quotes, of which some are
// names of configurations. hydraValues are words that it reads as something else.
var (
	hydraWord   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)
	hydraValues = []string{"true", "false", "null", "nan", "inf"}
	backslashes = regexp.MustCompile(`(\\*)'`)
)

// hydraValue is a value in the grammar of Hydra's overrides. In quotes, backslashes
// are doubled only before a quote.
func hydraValue(l addr.Level) string {
	if l.Kind != "string" || hydraWord.MatchString(l.Text) && !slices.Contains(hydraValues, strings.ToLower(l.Text)) {
		return l.Text
	}
	text := backslashes.ReplaceAllString(l.Text, `$1$1\'`)
	end := len(text) - len(strings.TrimRight(text, `\`))
	return "'" + text + strings.Repeat(`\`, end) + "'"
}
