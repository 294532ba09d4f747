package program

import (
	"cmp"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/python"
)

// file is a declared file.
type file struct {
	path string // where it is read
	name string // its path in the program's folder, with slashes
}

// DeclaredFiles lists what expand looks for.
func (s Spec) DeclaredFiles() []pipeline.Files {
	return slices.Concat(pipeline.FilesOf(s.Files, s.Exclude...), pipeline.FilesOf(s.Environment))
}

// expand finds declared files, folders and globs, without what exclude matches. Each
// must match something.
func expand(in pipeline.Inputs, attr string, patterns, exclude []string) ([]file, error) {
	var out []file
	for _, pattern := range patterns {
		found, err := in.Sources.Expand(pattern, exclude...)
		if err != nil {
			return nil, diag.Errorf(diag.Path{attr}, "Unreadable file", "%s: %v.", pattern, err).Err()
		}
		if len(found) == 0 {
			return nil, diag.Errorf(diag.Path{attr}, "No such file", "%s matches no file in the study's folder%s.", pattern, Excluding(exclude)).Err()
		}
		for _, full := range found {
			name, err := filepath.Rel(in.Study.Dir, full)
			if err != nil || !filepath.IsLocal(name) {
				return nil, diag.Errorf(diag.Path{attr}, "File outside the study", "%s leads to %s, which is not below the study's folder.", pattern, full).Err()
			}
			out = append(out, file{full, unpackedName(filepath.ToSlash(name))})
		}
	}
	slices.SortFunc(out, func(a, b file) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.path, b.path)) })
	out = slices.Compact(out)
	for i, f := range out {
		if i > 0 && out[i-1].name == f.name {
			return nil, diag.Errorf(diag.Path{attr}, "Two files of one name", "%s and %s would both be %s in the program's folder, since compressed files lose their ending. Leave one of them out.", out[i-1].path, f.path, f.name).Err()
		}
	}
	return out, nil
}

// Excluding ends the sentence that no file was found, where some may be excluded.
func Excluding(exclude []string) string {
	if len(exclude) == 0 {
		return ""
	}
	return " that is not excluded"
}

// CheckExclude refuses malformed globs.
func CheckExclude(exclude []string) diag.List {
	var list diag.List
	for _, glob := range exclude {
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			list = append(list, diag.Errorf(diag.Path{"exclude"}, "Bad pattern", "%q is not a glob. Write a name or a path, with *, ? and [a-z] as wildcards.", glob)...)
		}
	}
	return list
}

// unpackedName is a file's name without the ending of a compressed file: sources
// are read decompressed.
func unpackedName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

// Ingredients returns what enters the key beside argv, parameters and version:
// files with their paths and contents, lock files, and the contents of the inputs
// in order.
func (s Spec) Ingredients(in pipeline.Inputs) (cache.Value, error) {
	files, err := in.Shared.Value(s.shared(), func() (cache.Value, error) {
		return s.fileDigests(in)
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
	return cache.Map(map[string]cache.Value{
		"files": files.At("files"), "environment": files.At("environment"), "inputs": cache.List(inputs...),
	}), nil
}

// sharedFiles is the key under which the trials of a plan share the digests of
// their files.
type sharedFiles struct {
	files, exclude, environment string
	raw, inputs                 bool
	metrics                     string // where the program writes them
}

func (s Spec) shared() sharedFiles {
	const between = "\x00"
	shared := sharedFiles{
		files: strings.Join(s.Files, between), exclude: strings.Join(s.Exclude, between), environment: strings.Join(s.Environment, between),
		raw: s.Raw, inputs: len(s.Inputs) > 0,
	}
	if s.Metrics != nil {
		shared.metrics = between + s.Metrics.File
	}
	return shared
}

func (s Spec) fileDigests(in pipeline.Inputs) (cache.Value, error) {
	locks, err := expand(in, "environment", s.Environment, nil)
	if err != nil {
		return cache.Value{}, err
	}
	files, _, err := s.files(in)
	if err != nil {
		return cache.Value{}, err
	}
	contents := make(map[string]cache.Value, 2)
	for _, d := range []struct {
		attr  string
		files []file
		raw   bool
	}{{"environment", locks, true}, {"files", files, s.Raw}} {
		digests := make(map[string]cache.Value, len(d.files))
		for _, f := range d.files {
			digest, err := ContentDigest(in, f.path, f.name, d.raw)
			if err != nil {
				return cache.Value{}, diag.Errorf(diag.Path{d.attr}, "Unreadable file", "%s: %v.", f.path, err).Err()
			}
			digests[f.name] = cache.DigestValue(digest)
		}
		contents[d.attr] = cache.Map(digests)
	}
	return cache.Map(contents), nil
}

// ContentDigest is what of a declared file enters the key: the tokens of a Python
// program, unless raw is set, and the bytes of everything else. name is its path in the
// program's folder.
func ContentDigest(in pipeline.Inputs, path, name string, raw bool) (cache.Digest, error) {
	digest, _, err := in.Sources.Digest(path)
	if err != nil || raw || !python.IsSource(name) {
		return digest, err
	}
	return tokenDigest(in, file{path, name}, digest)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
