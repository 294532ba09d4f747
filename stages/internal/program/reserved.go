package program

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Tables in the folder of an analysis.
const (
	TrialsTable  = "trials.csv"
	MetricsTable = "metrics.csv"
)

// Reserved are the names that ablate or the program writes in the program's folder. A
// declared file of such a name would be taken for a result: metrics of a run that the
// user started by hand, for instance, for those of every trial.
type Reserved struct {
	paths    []string // files and folders
	metrics  *Metrics // whose files are reserved, too
	unpacked bool     // declared files lose the ending of a compressed file
}

// reserved are the names of train "command" and data "command".
func (s Spec) reserved() Reserved {
	r := Reserved{metrics: s.Metrics, unpacked: true}
	r.paths = append(r.paths, parametersFile, metricsName(s.Metrics), convertedFile, copiedFile, outputsFolder, resumeFolder, temporary)
	if len(s.Inputs) > 0 {
		r.paths = append(r.paths, inputsFolder)
	}
	return r
}

// ReservedByAnalysis are the names of analysis "command", whose outputs are beside its files.
func ReservedByAnalysis(outputs []string) Reserved {
	return Reserved{paths: append([]string{TrialsTable, MetricsTable}, outputs...)}
}

// owner returns the reserved name that a path has or is below, "" for none.
func (r Reserved) owner(name string) string {
	for _, p := range r.paths {
		if name == p || strings.HasPrefix(name, p+"/") {
			return p
		}
	}
	if r.metrics.matches(name) {
		return r.metrics.File
	}
	return ""
}

// Check refuses declared files with a reserved name. Folders and globs that contain some
// are no mistake: these files are left out.
func (r Reserved) Check(files []string) (list diag.List) {
	for _, declared := range files {
		name := path.Clean(filepath.ToSlash(declared))
		if r.unpacked {
			name = unpackedName(name)
		}
		owner := r.owner(name)
		if owner == "" || !slices.Contains(r.paths, owner) && !isMetricsName(name) { // a folder with files of metrics
			continue
		}
		list = append(list, diag.Errorf(diag.Path{"files"}, "Reserved name",
			"%q cannot be declared: in the program's folder, %s is reserved for what ablate or the program itself writes. Remove it from files. If the program needs it, rename it.", declared, owner)...)
	}
	return list
}

// files lists the declared files that the program gets, and those that are left out
// because their names are reserved.
func (s Spec) files(in pipeline.Inputs) (kept, leftOut []file, err error) {
	all, err := expand(in, "files", s.Files, s.Exclude)
	r := s.reserved()
	for _, f := range all {
		if r.owner(f.name) == "" {
			kept = append(kept, f)
		} else {
			leftOut = append(leftOut, f)
		}
	}
	return kept, leftOut, err
}

// sharedLeftOut is the key under which the trials of a plan share what is left out.
type sharedLeftOut sharedFiles

// leftOut warns of declared files that are left out.
func (s Spec) leftOut(in pipeline.Inputs) diag.List {
	names, err := in.Shared.Value(sharedLeftOut(s.shared()), func() (cache.Value, error) {
		_, files, err := s.files(in)
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = f.name
		}
		if len(names) == 0 || err != nil {
			return cache.Value{}, err
		}
		return cache.String(quotedList(names)), nil
	})
	text, _ := names.Text()
	if err != nil || text == "" { // Describe reports what cannot be read
		return nil
	}
	return diag.Warningf(diag.Path{"files"}, "Files left out",
		"files matches %s. Such files reach neither the program nor the key: in the program's folder, ablate or the program itself writes under these names. "+
			"Rename what the program needs, and list the rest in exclude.", text)
}
