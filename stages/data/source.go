package data

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/program"
)

// source is one file as it was when the stage was described.
type source struct {
	path   string
	digest cache.Digest
	size   int64
}

// expand finds and digests the files that patterns name, without what exclude matches.
// A file that several patterns match is read once, in the place of the first.
func expand(sources pipeline.Sources, patterns, exclude []string) ([]source, error) {
	at := diag.Path{"source"}
	var files []source
	total := int64(0)
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		paths, err := sources.Expand(pattern, exclude...)
		switch {
		case err != nil && pipeline.IsRemote(pattern):
			return nil, diag.Errorf(at, "Unusable source", "%q cannot be used: %v.", pattern, err).Err()
		case err != nil:
			return nil, diag.Errorf(at, "Unreadable source", "%q cannot be read: %v. Check the path and its permissions.", pattern, reason(err)).Err()
		case len(paths) == 0:
			return nil, diag.Errorf(at, "Missing source", "%q matches no file%s. Relative paths start at the study's folder.", pattern, program.Excluding(exclude)).Err()
		}
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			d, size, err := sources.Digest(path)
			if err != nil {
				return nil, diag.Errorf(at, "Unreadable source", "%s cannot be read: %v. Check the file and its permissions.", path, reason(err)).Err()
			}
			files = append(files, source{path, d, size})
			total += size
		}
	}
	if total == 0 {
		return nil, diag.Errorf(at, "Empty source", "The files of source (%d) are empty.", len(files)).Err()
	}
	return files, nil
}

// reason strips the path that a message has already named.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// digestsOf is how files enter a key: by content, in order.
func digestsOf(files []source) cache.Value {
	digests := make([]cache.Value, len(files))
	for i, f := range files {
		digests[i] = cache.DigestValue(f.digest)
	}
	return cache.List(digests...)
}

// maxNamed is the number of files or runs beyond which notes do not name them.
const maxNamed = 10_000

// namesOf are notes that name the files of a source, so that explanations can. They
// are paths relative to the study's folder; of files elsewhere, the last part.
func namesOf(files []source, study string) cache.Value {
	if len(files) > maxNamed {
		return cache.Value{}
	}
	names := make(map[string]cache.Value, len(files))
	for _, f := range files {
		name, err := filepath.Rel(study, f.path)
		switch {
		case pipeline.IsRemote(f.path):
			name = f.path
		case err != nil || !filepath.IsLocal(name):
			name = filepath.Base(f.path)
		}
		if _, taken := names[name]; taken {
			return cache.Value{}
		}
		names[filepath.ToSlash(name)] = cache.DigestValue(f.digest)
	}
	return cache.Map(map[string]cache.Value{"inputs": cache.Map(map[string]cache.Value{"source": cache.Map(names)})})
}

// copyFile copies a source as it is. Sources check that the content is the
// planned one.
func copyFile(w io.Writer, sources pipeline.Sources, f source) error {
	r, err := sources.Open(f.path)
	if err != nil {
		return unreadable(f, err)
	}
	defer r.Close()
	if _, err := io.Copy(w, r); err != nil {
		return unreadable(f, err)
	}
	return nil
}

// copyText copies the text of a source, however it is encoded.
func copyText(w io.Writer, sources pipeline.Sources, f source) error {
	r, err := sources.Open(f.path)
	if err != nil {
		return unreadable(f, err)
	}
	defer r.Close()
	text, _, err := asText(r)
	if err != nil {
		return unreadable(f, err)
	}
	defer text.Close()
	if _, err := io.Copy(w, text); err != nil {
		return unreadable(f, err)
	}
	return drain(r, f)
}

// drain reads what a decoder left, so that the whole file is checked.
func drain(r io.Reader, f source) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return unreadable(f, err)
	}
	return nil
}

// unreadable is the error for a file that could not be read. A diagnostic is
// passed on: it says what the user can do.
func unreadable(f source, err error) error {
	if _, ok := diag.From(err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	var known interface{ Diagnostics() diag.List }
	if errors.As(err, &known) { // a child process sends diagnostics with their place, other errors as text
		return known.Diagnostics().Err()
	}
	return diag.Errorf(diag.Path{"source"}, "Unreadable source", "%s cannot be read: %v.", f.path, reason(err)).Err()
}

// remotes lists the sources that are addresses.
func remotes(sources []string) []string {
	return slices.DeleteFunc(slices.Clone(sources), func(s string) bool { return !pipeline.IsRemote(s) })
}

// checkSources refuses an empty list, addresses of unknown schemes and malformed globs
// in exclude.
func checkSources(sources, exclude []string) diag.List {
	list := program.CheckExclude(exclude)
	if len(sources) == 0 {
		list = append(list, diag.Errorf(diag.Path{"source"}, "No source", "source is empty. Name at least one file, folder or glob.")...)
	}
	for _, s := range remotes(sources) {
		switch scheme, _, _ := strings.Cut(s, "://"); scheme {
		case "http", "https", "hf", "s3":
		default:
			list = append(list, diag.Errorf(diag.Path{"source"}, "Unknown scheme",
				"%q cannot be fetched: the schemes are http, https, hf and s3. Download it and name the file.", s)...)
		}
	}
	return list
}
