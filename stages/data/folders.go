package data

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Formats that are no layout of folders.
const (
	autoFormat  = "auto"
	tableFormat = "table"
)

// folderFormat is a layout of folders with one run each. Paths are relative to the
// folder of the run.
type folderFormat struct {
	name  string
	marks func(rel string) bool // the file says that its folder, or the one above a hidden one, is a run
	keeps func(rel string) bool // the file is read
	read  func(*folderRun) error
}

// folderFormats are in the order in which they are tried: a run of Hydra may hold
// the files of a logger.
var folderFormats = []folderFormat{
	{"hydra", oneOf(hydraConfig, hydraOverrides), either(oneOf(hydraConfig, hydraOverrides), isSeries), readHydra},
	{"lightning", oneOf(lightningParameters), either(oneOf(lightningParameters), isSeries), readLightning},
	{"mlflow", oneOf(mlflowMeta), isMLflow, readMLflow},
	{"wandb", isWandB, isWandB, readWandB},
	{"config", oneOf(configNames...), either(oneOf(configNames...), isSeries), readConfig},
	{"tensorboard", isEvents, isEvents, (*folderRun).readEventFiles},
}

func oneOf(names ...string) func(string) bool {
	return func(rel string) bool { return slices.Contains(names, rel) }
}

func either(a, b func(string) bool) func(string) bool {
	return func(rel string) bool { return a(rel) || b(rel) }
}

func formatNamed(name string) *folderFormat {
	for i := range folderFormats {
		if folderFormats[i].name == name {
			return &folderFormats[i]
		}
	}
	return nil
}

func formatNames() []string {
	names := []string{autoFormat, tableFormat}
	for _, f := range folderFormats {
		names = append(names, f.name)
	}
	for _, f := range databaseFormats {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

// tableSuffix reports whether a source is a file by its name.
func tableSuffix(name string) bool {
	return slices.Contains([]string{".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".gz", ".zst", ".db"}, strings.ToLower(path.Ext(name)))
}

// foundRuns is what a source holds: tables, or runs in folders of one format.
type foundRuns struct {
	tables []source
	beside map[string]source // by path, what SQLite keeps beside databases among them
	labels []cache.Value     // names of databases, and of remote sources, if they are read as levels
	format *folderFormat
	runs   []foundRun
}

// foundRun is the folder of a run with the files in it that are read.
type foundRun struct {
	name  string            // its path below the folder that all runs are in
	files map[string]source // by their path in the folder
}

// value is how the files enter the key. Which files belong to one run is part of
// the result, so the paths below the common folder do, too.
func (f foundRuns) value() cache.Value {
	if f.format == nil {
		return f.tableValue()
	}
	runs := make([]cache.Value, len(f.runs))
	for i, run := range f.runs {
		runs[i] = cache.Struct(cache.Field{Name: "run", Value: cache.String(run.name)}, cache.Field{Name: "files", Value: run.digests()})
	}
	return cache.Map(map[string]cache.Value{"format": cache.String(f.format.name), "runs": cache.List(runs...)})
}

// tableValue is value for tables. The log of a database belongs to it, and so does its
// name if the column run, which begins with it, is read. So does that of a remote source,
// which may be a database.
func (f foundRuns) tableValue() cache.Value {
	out := map[string]cache.Value{"source": digestsOf(f.tables)}
	beside := make(map[string]cache.Value)
	for i, t := range f.tables {
		for _, suffix := range []string{logSuffix, journalSuffix} {
			if s, ok := f.beside[t.path+suffix]; ok {
				beside[strconv.Itoa(i)+suffix] = cache.DigestValue(s.digest)
			}
		}
	}
	if len(beside) > 0 {
		out["beside"] = cache.Map(beside)
	}
	if len(f.labels) > 0 {
		out["labels"] = cache.List(f.labels...)
	}
	return cache.Map(out)
}

// digests are the files of a run by name.
func (r foundRun) digests() cache.Value {
	files := make(map[string]cache.Value, len(r.files))
	for name, s := range r.files {
		files[name] = cache.DigestValue(s.digest)
	}
	return cache.Map(files)
}

// names are notes that name the tables or runs, so that explanations can.
func (f foundRuns) names(study string) cache.Value {
	if f.format == nil {
		return namesOf(f.tables, study)
	}
	if len(f.runs) > maxNamed {
		return cache.Value{}
	}
	runs := make(map[string]cache.Value, len(f.runs))
	for _, run := range f.runs {
		runs[run.name] = run.digests()
	}
	return cache.Map(map[string]cache.Value{"inputs": cache.Map(map[string]cache.Value{"runs": cache.Map(runs)})})
}

// find looks for the files of the source. It digests those that are read.
func (r *Results) find(sources pipeline.Sources) (foundRuns, error) {
	if r.Format == tableFormat {
		return r.findTables(sources)
	}
	paths, err := r.paths(sources)
	if err != nil {
		return foundRuns{}, err
	}
	format := r.formatOf(paths)
	if format == nil {
		return r.findTables(sources)
	}
	runs, err := runsOf(format, paths, sources)
	if err == nil && len(runs) == 0 && databaseNamed(format.name) {
		return r.findTables(sources)
	}
	if err == nil && len(runs) > 0 {
		err = r.checkNamed(sources, format, runs)
	}
	if err == nil && len(runs) == 0 {
		err = diag.Errorf(diag.Path{"source"}, "No runs", "No folder in source holds a run in the format %s.", format.name).Err()
	}
	return foundRuns{format: format, runs: runs}, err
}

// checkNamed refuses a source that names a single file, if the runs do not have it.
func (r *Results) checkNamed(sources pipeline.Sources, format *folderFormat, runs []foundRun) error {
	read := make(map[string]bool)
	for _, run := range runs {
		for _, f := range run.files {
			read[f.path] = true
		}
	}
	for _, s := range r.Source {
		unread := pipeline.IsRemote(s)
		if !unread {
			paths, err := sources.Expand(s, r.Exclude...)
			unread = err == nil && len(paths) == 1 && filepath.Base(paths[0]) == filepath.Base(s) && !read[paths[0]]
		}
		if unread {
			return diag.Errorf(diag.Path{"source"}, "Unused source", "%q is not a file of a run in the format %s, in which source holds %d runs. Remove it, or read it in a data block of its own.", s, format.name, len(runs)).Err()
		}
	}
	return nil
}

// findTables finds the files of the source that are tables or databases.
func (r *Results) findTables(sources pipeline.Sources) (f foundRuns, err error) {
	if f.tables, err = expand(sources, r.Source, r.Exclude); err != nil {
		return f, err
	}
	if f.tables, f.beside, err = r.companions(sources, f.tables); err != nil || !r.asksFor(runColumn) {
		return f, err
	}
	for _, t := range f.tables {
		maybe := pipeline.IsRemote(t.path) // it may not be fetched yet
		if !maybe {
			if maybe, err = isDatabase(sources, t); err != nil {
				return f, err
			}
		}
		if maybe {
			f.labels = append(f.labels, cache.String(filepath.Base(t.path)))
		}
	}
	return f, nil
}

// asksFor reports whether the study reads a column.
func (r *Results) asksFor(column string) bool {
	_, where := r.Where[column]
	return where || r.Outcome == column || slices.ContainsFunc(slices.Concat(r.FactorNames(), r.Responses), func(name string) bool { return r.called(name) == column })
}

// paths lists the files of the source, sorted, each once.
func (r *Results) paths(sources pipeline.Sources) (paths []string, err error) {
	for _, pattern := range r.patterns() {
		if pipeline.IsRemote(pattern) {
			continue // one file
		}
		found, err := sources.Expand(pattern, r.Exclude...)
		if err != nil {
			return nil, diag.Errorf(diag.Path{"source"}, "Unreadable source", "%q cannot be read: %v. Check the path and its permissions.", pattern, reason(err)).Err()
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// formatOf is the format that the study names, or the first one of which the files
// have a mark; nil for tables. A folder that has a configuration but no metrics is
// no run: the table beside it may be one of runs.
func (r *Results) formatOf(paths []string) *folderFormat {
	if r.Format != "" && r.Format != autoFormat {
		return formatNamed(r.Format)
	}
	for i, f := range folderFormats {
		for _, p := range paths {
			if _, ok := f.root(p); ok && (f.name != "config" || besideMetrics(p, paths)) {
				return &folderFormats[i]
			}
		}
	}
	return nil
}

// besideMetrics reports whether the folder of a file holds metrics.
func besideMetrics(name string, paths []string) bool {
	dir := filepath.Dir(name) + string(filepath.Separator)
	first, _ := slices.BinarySearch(paths, dir)
	for _, p := range paths[first:] {
		if !strings.HasPrefix(p, dir) {
			return false
		}
		if isSeries(filepath.Base(p)) {
			return true
		}
	}
	return false
}

// root returns the folder of the run that a file marks.
func (f *folderFormat) root(name string) (dir string, ok bool) {
	dir = filepath.Dir(name)
	rel := filepath.Base(name)
	if hidden := filepath.Base(dir); strings.HasPrefix(hidden, ".") && hidden != "." && hidden != ".." {
		dir, rel = filepath.Dir(dir), hidden+"/"+rel
	}
	return dir, f.marks(rel)
}

// runsOf groups files by run: each belongs to the nearest folder above it that is
// one.
func runsOf(format *folderFormat, paths []string, sources pipeline.Sources) ([]foundRun, error) {
	runs := make(map[string]*foundRun)
	for _, p := range paths {
		if dir, ok := format.root(p); ok && runs[dir] == nil {
			runs[dir] = &foundRun{files: make(map[string]source)}
		}
	}
	for _, p := range paths {
		dir, ok := nearest(p, runs)
		if !ok {
			continue
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return nil, err
		}
		if rel = filepath.ToSlash(rel); !format.keeps(rel) {
			continue
		}
		digest, size, err := sources.Digest(p)
		if err != nil {
			return nil, diag.Errorf(diag.Path{"source"}, "Unreadable source", "%s cannot be read: %v. Check the file and its permissions.", p, reason(err)).Err()
		}
		runs[dir].files[rel] = source{p, digest, size}
	}
	dropLinks(runs)
	if format.name == "tensorboard" {
		joinHyperparameters(runs)
	}
	dirs := sortedKeys(runs)
	above := commonFolder(dirs)
	out := make([]foundRun, len(dirs))
	for i, dir := range dirs {
		rel, err := filepath.Rel(above, dir)
		if err != nil {
			return nil, err
		}
		out[i] = foundRun{filepath.ToSlash(rel), runs[dir].files}
	}
	return out, nil
}

// dropLinks leaves out the link with which W&B names the newest run, if the run is
// there under its own name.
func dropLinks(runs map[string]*foundRun) {
	for dir, link := range runs {
		if filepath.Base(dir) != "latest-run" {
			continue
		}
		for other, run := range runs {
			if other != dir && filepath.Dir(other) == filepath.Dir(dir) && maps.EqualFunc(link.files, run.files, func(a, b source) bool { return a.digest == b.digest }) {
				delete(runs, dir)
			}
		}
	}
}

// timestamp matches the names of folders in which PyTorch's writer records the
// hyperparameters of the run in the folder above. Runs themselves are often named by a
// time in whole seconds.
var timestamp = regexp.MustCompile(`^\d{9,}\.\d+$`)

// joinHyperparameters makes such folders a part of their runs.
func joinHyperparameters(runs map[string]*foundRun) {
	for dir, part := range runs {
		if run := runs[filepath.Dir(dir)]; run != nil && timestamp.MatchString(filepath.Base(dir)) {
			for rel, f := range part.files {
				run.files[path.Join(filepath.Base(dir), rel)] = f
			}
			delete(runs, dir)
		}
	}
}

// nearest returns the folder above a file that is a run.
func nearest(name string, runs map[string]*foundRun) (string, bool) {
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		if runs[dir] != nil {
			return dir, true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// commonFolder is the deepest folder that holds all of the folders.
func commonFolder(dirs []string) string {
	if len(dirs) == 0 {
		return ""
	}
	above := filepath.Dir(dirs[0])
	for _, dir := range dirs[1:] {
		for !strings.HasPrefix(dir, strings.TrimSuffix(above, string(filepath.Separator))+string(filepath.Separator)) && above != filepath.Dir(above) {
			above = filepath.Dir(above)
		}
	}
	return above
}
