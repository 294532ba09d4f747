package program

import (
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/python"
)

// tokenDigest is the digest of the tokens of a Python program, or of its bytes where
// the lexer is not sure of them.
func tokenDigest(in pipeline.Inputs, f file, content cache.Digest) (cache.Digest, error) {
	compute := func() (cache.Digest, error) {
		source, err := readFile(in, f)
		if err != nil {
			return cache.Digest{}, err
		}
		if d, ok := python.Digest(source); ok {
			return d, nil
		}
		return content, nil
	}
	if in.Memo == nil {
		return compute()
	}
	return in.Memo.Digest(cache.List(cache.String("python"), cache.DigestValue(content)), compute)
}

// readFile reads a declared file up to the size that the lexer takes.
func readFile(in pipeline.Inputs, f file) ([]byte, error) {
	if _, _, err := in.Sources.Digest(f.path); err != nil { // only what has a digest can be opened
		return nil, err
	}
	r, err := in.Sources.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, python.MaxSource+1))
}

// Warnings warns of declared files that the program does not get, and of undeclared ones
// that argv names or that it imports.
func (s Spec) Warnings(in pipeline.Inputs) diag.List {
	return slices.Concat(s.leftOut(in), s.ArgumentWarnings(in, "argv", s.Argv), s.FileWarnings(in))
}

// FileWarnings warns of files of the study itself among the declared ones, of modules of
// the study that the declared Python programs import and that are not declared themselves,
// and of packages that they import from where these are developed. The trials of a plan
// that have the same files share the answer.
func (s Spec) FileWarnings(in pipeline.Inputs) diag.List {
	from := s.importer()
	shared, err := in.Shared.Value(sharedWarnings{s.shared(), from}, func() (cache.Value, error) {
		texts, err := s.fileWarnings(in, from)
		return cache.String(strings.Join(texts, "\n")), err
	})
	text, _ := shared.Text()
	if err != nil || text == "" { // Describe reports what cannot be read
		return nil
	}
	var list diag.List
	for line := range strings.SplitSeq(text, "\n") {
		summary, detail, _ := strings.Cut(line, "\t")
		list = append(list, diag.Warningf(diag.Path{"files"}, summary, "%s", detail)...)
	}
	return list
}

// sharedWarnings is the key under which the trials of a plan share their warnings.
type sharedWarnings struct {
	sharedFiles
	importer
}

func (s Spec) fileWarnings(in pipeline.Inputs, from importer) (texts []string, err error) {
	files, err := expand(in, "files", s.Files, s.Exclude)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(files)) // declared, or warned of
	var study []string
	for _, f := range files {
		known[f.name] = true
		if ext := path.Ext(strings.TrimSuffix(f.name, ".json")); path.Dir(f.name) == "." && (ext == ".hcl" || ext == ".hclvars") {
			study = append(study, f.name)
		}
	}
	if len(study) > 0 {
		texts = append(texts, fmt.Sprintf("Study among its files\tfiles matches %s. An edit of the study, such as another seed, then computes everything again that has these files. "+
			"Add \"*.hcl*\" to exclude.", quotedList(study)))
	}
	editable := from.editableImports(files, in.Study.Dir)
	for _, m := range from.imports() {
		texts = append(texts, editable.warnings(filepath.Base(from.program), m)...)
	}
	for _, f := range files {
		if !python.IsSource(f.name) {
			continue
		}
		source, err := readFile(in, f)
		if err != nil {
			return nil, err
		}
		tokens, _ := python.Tokens(source)
		for _, m := range python.Imports(tokens) {
			texts = append(texts, editable.warnings(f.name, m)...)
			if editable.has(m) {
				continue // its files are said to be read, and to be listed
			}
			for _, name := range s.missing(in, m.Files(f.name), known) {
				known[name] = true
				texts = append(texts, fmt.Sprintf("Undeclared import\t%s imports %s of the study's folder, which files does not list. "+
					"The program cannot import it, and a change to it retrains nothing. Add it to files.", f.name, name))
			}
		}
	}
	return texts, nil
}

// missing lists the files of a module that are in the study's folder but unknown. A
// module that is found whole in one folder is not looked for in the others.
func (s Spec) missing(in pipeline.Inputs, folders [][]string, known map[string]bool) (missing []string) {
	for _, names := range folders {
		var found, unknown []string
		for _, name := range names {
			if files, err := in.Sources.Expand(filepath.FromSlash(name), s.Exclude...); err == nil && len(files) == 1 && filepath.IsLocal(name) {
				found = append(found, name)
				if !known[name] {
					unknown = append(unknown, name)
				}
			}
		}
		switch {
		case len(found) > 0 && len(unknown) == 0:
			return nil
		case missing == nil:
			missing = unknown
		}
	}
	return missing
}
