package program

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// undeclared sorts files that a program read by what the user can do about them.
type undeclared struct {
	declared  map[string]bool // paths of declared files, of which the program has copies
	originals []string        // of these copies, relative to the study's folder
	study     []string        // other files below the study's folder, relative to it
	foreign   []string        // anywhere else
	packages  map[string]int  // number of files by site-packages folder
}

// sitePackages is in the path of every Python package.
const sitePackages = "/site-packages/"

// add sorts one file in. Installed software is left out.
func (u *undeclared) add(file, study string, installed *installations) {
	info, err := os.Stat(file)
	i := strings.Index(file, sitePackages)
	switch {
	case err != nil || !info.Mode().IsRegular():
	case installed.has(file):
	case i >= 0:
		u.packages[file[:i+len(sitePackages)-1]]++
	case within(file, study):
		rel, _ := filepath.Rel(study, file) // it is within
		if u.declared[file] {
			u.originals = append(u.originals, rel)
		} else {
			u.study = append(u.study, rel)
		}
	default:
		u.foreign = append(u.foreign, file)
	}
}

// warnings says what to declare. locked tells that the stage names lock files.
func (u *undeclared) warnings(locked bool) (out []string) {
	if len(u.study) > 0 {
		out = append(out, "the program reads files of the study that are not declared, so changes to them retrain nothing: add to files "+quotedList(u.study))
	}
	if len(u.originals) > 0 {
		out = append(out, "the program reads declared files in the study's folder instead of the copies in its own, so an edit during a run reaches its trials: let it use relative paths, "+
			"and put the folder of a package that is installed in editable mode first on PYTHONPATH: "+quotedList(u.originals))
	}
	if len(u.foreign) > 0 {
		out = append(out, "the program reads files outside the study that no stage declares, so changes to them retrain nothing: pass what matters through a data stage: "+quotedList(u.foreign))
	}
	if locked {
		return out
	}
	for _, folder := range sortedKeys(u.packages) {
		out = append(out, fmt.Sprintf("the program reads %d files of packages in %s: name their lock file in environment, so that other versions count as a change", u.packages[folder], folder))
	}
	return out
}

// quotedList names some files, sorted.
func quotedList(files []string) string {
	const most = 8
	slices.Sort(files)
	quoted := make([]string, 0, most)
	for _, f := range files[:min(most, len(files))] {
		quoted = append(quoted, fmt.Sprintf("%q", f))
	}
	text := strings.Join(quoted, ", ")
	if n := len(files) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
