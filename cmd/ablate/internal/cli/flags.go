package cli

import (
	"fmt"
	"strings"

	"ablate/hcl"
)

// variableFlag is one --var or --var-file; their common order counts.
type variableFlag = hcl.Var

// varFlag collects --var. The value goes through whole: commas are part of it.
type varFlag struct{ g *globals }

// String implements pflag.Value.
func (varFlag) String() string { return "" }

// Type implements pflag.Value.
func (varFlag) Type() string { return "name=value" }

// Set implements pflag.Value.
func (f varFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not name=value", s)
	}
	f.g.vars = append(f.g.vars, variableFlag{Name: name, Value: value})
	return nil
}

// varFileFlag collects --var-file.
type varFileFlag struct{ g *globals }

// String implements pflag.Value.
func (varFileFlag) String() string { return "" }

// Type implements pflag.Value.
func (varFileFlag) Type() string { return "file" }

// Set implements pflag.Value.
func (f varFileFlag) Set(s string) error {
	if s == "" {
		return fmt.Errorf("the file's name is empty")
	}
	f.g.vars = append(f.g.vars, variableFlag{File: s})
	return nil
}
