// Package program runs a user's program as a stage, in any language: one process
// in a folder that holds the declared files and nothing else.
//
// The program starts in that folder. Environment variables name the files from
// which it reads its parameters and inputs and to which it writes its results
// (see process.environment); docs/pytorch.md describes the contract.
package program

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// Spec is how a study declares a program.
type Spec struct {
	Argv        []string
	Parameters  map[string]addr.Level
	Files       []string
	Exclude     []string
	Environment []string
	Env         []string
	Inputs      []addr.Instance
	Outputs     []string
	Version     string
	Raw         bool
	Flags       string
	Metrics     *Metrics
}

// variableName matches names of environment variables that every shell accepts.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate checks the spec without reading files. reserved are the names of the
// outputs that the stage makes by itself.
func (s Spec) Validate(reserved ...string) diag.List {
	list := CheckExclude(s.Exclude)
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		list = append(list, diag.Errorf(diag.Path{"argv"}, "No program", "argv is empty. Its first element names the program to run.")...)
	}
	list = append(list, ValidateArgv("argv", s.Argv)...)
	for _, name := range sortedKeys(s.Parameters) {
		level := s.Parameters[name]
		if _, several := level.Parts(); several {
			list = append(list, diag.Errorf(diag.Path{"parameters"}, "Stages as a parameter",
				"The parameter %q refers to several stages. Parameters are numbers, strings and bools: pass attributes of the stages.", name)...)
		}
		if level.Kind == "ref" {
			list = append(list, diag.Errorf(diag.Path{"parameters"}, "Stage as a parameter",
				"The parameter %q is the stage %s. Parameters are numbers, strings and bools: pass an attribute of the stage, such as %[2]s.type. Of a level of the factor f, that is matrix.f.type.",
				name, level.Ref)...)
		}
	}
	for _, name := range slices.Concat(s.Files, s.Environment) {
		if !filepath.IsLocal(name) {
			list = append(list, diag.Errorf(diag.Path{"files"}, "File outside the study",
				"%q is not below the study's folder. Pass data from elsewhere through a data stage, in inputs.", name)...)
		}
	}
	for _, name := range s.Env {
		if !variableName.MatchString(name) || strings.HasPrefix(name, "ABLATE_") {
			list = append(list, diag.Errorf(diag.Path{"env"}, "Invalid variable name",
				"%q cannot be passed on. env lists names of environment variables, without values; values for the program are parameters.", name)...)
		}
	}
	list = append(list, s.reserved().Check(s.Files)...)
	list = append(list, s.validateFlags()...)
	if s.Metrics != nil {
		list = append(list, s.Metrics.validate()...)
	}
	return append(list, ValidateOutputs(s.Outputs, reserved...)...)
}

// SortSets orders lists of which only the members count.
func SortSets(lists ...[]string) {
	for _, list := range lists {
		slices.Sort(list)
	}
}
