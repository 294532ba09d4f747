// Package program runs programs of the user's own as stages: any language, one
// process, a folder that holds what was declared and nothing else.
//
// The contract, from the program's side: it starts in an empty folder with its
// declared files; what it needs to know is in environment variables that name
// files (see environment); what it makes goes where those say.
package program

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Spec is what a study says of a program.
type Spec struct {
	Argv        []string
	Parameters  map[string]addr.Level
	Files       []string
	Environment []string
	Env         []string
	Inputs      []addr.Instance
	Outputs     []string
	Version     string
}

// outputName is what can be the name of an artifact and of a file anywhere.
var outputName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// variableName is what can be the name of an environment variable.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ValidateOutputs checks the names of declared outputs. reserved are those that
// the stage makes by itself.
func ValidateOutputs(names []string, reserved ...string) diag.List {
	var list diag.List
	for i, name := range names {
		switch {
		case !outputName.MatchString(name) || slices.Contains(reserved, name):
			list = append(list, diag.Errorf(diag.Path{"outputs"}, "Unusable name",
				"%q cannot be the name of an output: letters, digits, dots, dashes and underscores, and none of %s.", name, strings.Join(reserved, ", "))...)
		case slices.Contains(names[:i], name):
			list = append(list, diag.Errorf(diag.Path{"outputs"}, "Duplicate name", "The output %q is declared twice.", name)...)
		}
	}
	return list
}

// Validate checks the spec alone.
func (s Spec) Validate(reserved ...string) diag.List {
	var list diag.List
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		list = append(list, diag.Errorf(diag.Path{"argv"}, "Nothing to run", "argv names no program.")...)
	}
	for name, level := range s.Parameters {
		if level.Kind == "ref" {
			list = append(list, diag.Errorf(diag.Path{"parameters"}, "Stage as a parameter",
				"The parameter %q is the stage %s, and a program gets numbers, strings and bools. Name what it needs of it, for example matrix.norm.alpha or matrix.norm.type.",
				name, level.Ref)...)
		}
	}
	for _, name := range slices.Concat(s.Files, s.Environment) {
		if !filepath.IsLocal(name) {
			list = append(list, diag.Errorf(diag.Path{"files"}, "Outside of the study",
				"%q is not below the study's folder, so it has no place beside the program. Data from elsewhere comes through a data stage, in inputs.", name)...)
		}
	}
	for _, name := range s.Env {
		if !variableName.MatchString(name) || strings.HasPrefix(name, "ABLATE_") {
			list = append(list, diag.Errorf(diag.Path{"env"}, "Unusable name",
				"%q is no name of a variable that can be passed on. env lists names; values for the program are parameters.", name)...)
		}
	}
	return append(list, ValidateOutputs(s.Outputs, reserved...)...)
}

// file is one declared file: where it is and how the program sees it.
type file struct {
	path string // to read it
	name string // in the program's folder, with slashes
}

// expand finds declared files, folders and globs. Each must match something.
func expand(in pipeline.Inputs, attr string, patterns []string) ([]file, error) {
	var out []file
	for _, pattern := range patterns {
		found, err := in.Sources.Expand(pattern)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", pattern, err)
		}
		if len(found) == 0 {
			return nil, diag.Errorf(diag.Path{attr}, "No such file", "%s matches no file in the study's folder.", pattern).Err()
		}
		for _, path := range found {
			name, err := filepath.Rel(in.Study.Dir, path)
			if err != nil || !filepath.IsLocal(name) {
				return nil, diag.Errorf(diag.Path{attr}, "Outside of the study", "%s leads to %s, which has no place beside the program.", pattern, path).Err()
			}
			out = append(out, file{path, unpacked(filepath.ToSlash(name))})
		}
	}
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(out, func(a, b file) bool { return a.name == b.name }), nil
}

// unpacked is a file's name without the ending that says it is compressed:
// sources are read decompressed.
func unpacked(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

// Ingredients is what of the surroundings enters the key: files with their
// place and content, lock files, and the inputs' content in order.
func (s Spec) Ingredients(in pipeline.Inputs) (cache.Value, error) {
	files, err := in.Shared.Value(shared{strings.Join(s.Files, "\x00"), strings.Join(s.Environment, "\x00")}, func() (cache.Value, error) {
		return s.digests(in)
	})
	if err != nil {
		return cache.Value{}, err
	}
	inputs := make([]cache.Value, 0, len(in.Refs["inputs"]))
	for _, i := range in.Refs["inputs"] {
		artifacts := make(map[string]cache.Value, len(i.Artifacts))
		for _, a := range i.Artifacts {
			artifacts[a.Name] = cache.DigestValue(a.Digest)
		}
		inputs = append(inputs, cache.Map(artifacts))
	}
	return cache.Map(map[string]cache.Value{"files": files.At("files"), "environment": files.At("environment"), "inputs": cache.List(inputs...)}), nil
}

// shared is the key under which the trials of a plan share their files.
type shared struct{ files, environment string }

func (s Spec) digests(in pipeline.Inputs) (cache.Value, error) {
	contents := make(map[string]cache.Value, 2)
	for attr, patterns := range map[string][]string{"files": s.Files, "environment": s.Environment} {
		files, err := expand(in, attr, patterns)
		if err != nil {
			return cache.Value{}, err
		}
		digests := make(map[string]cache.Value, len(files))
		for _, f := range files {
			d, _, err := in.Sources.Digest(f.path)
			if err != nil {
				return cache.Value{}, fmt.Errorf("reading %s: %w", f.path, err)
			}
			digests[f.name] = cache.DigestValue(d)
		}
		contents[attr] = cache.Map(digests)
	}
	return cache.Map(contents), nil
}

// Promises lists the declared outputs.
func (s Spec) Promises() []pipeline.Output {
	out := make([]pipeline.Output, len(s.Outputs))
	for i, name := range s.Outputs {
		out[i] = pipeline.Output{Name: name, MediaType: MediaType(name)}
	}
	return out
}

// MediaType is by the ending of a name.
func MediaType(name string) string {
	types := map[string]string{
		".csv": "text/csv", ".json": "application/json", ".jsonl": "application/jsonl", ".md": "text/markdown",
		".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain",
	}
	if t := types[filepath.Ext(name)]; t != "" {
		return t
	}
	return "application/octet-stream"
}
