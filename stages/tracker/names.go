package tracker

import (
	"fmt"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// maxName is the longest name of a parameter or metric in MLflow, in bytes here, so that
// file systems take it, too.
const maxName = 250

// notInMLflow matches characters that names of parameters and metrics cannot have.
// It is large, and compiled when a run is first exported.
var notInMLflow = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^\p{L}\p{N}_/.\- :]`) })

// mlflowNames are the names that cannot stay, with others in their place: those that
// MLflow does not allow, and those that the file system cannot hold beside another.
func mlflowNames(names []string) (renamed map[string]string, err error) {
	renamed = make(map[string]string)
	var files fileTree
	var changing []string
	for _, name := range slices.Sorted(slices.Values(names)) {
		if len(name) > maxName {
			return nil, fmt.Errorf("the name %.40s… is longer than %d bytes, which is MLflow's limit", name, maxName)
		}
		if mlflowName(name) != name || !files.add(name) {
			changing = append(changing, name)
		}
	}
	for _, name := range changing {
		other := mlflowName(name)
		if !files.add(other) {
			other = strings.ReplaceAll(other, "/", "_")
			for !files.add(other) {
				other += "_"
			}
		}
		renamed[name] = other
	}
	return renamed, nil
}

// caseless tells of systems that take names of files that differ in case alone for one.
const caseless = runtime.GOOS == "darwin" || runtime.GOOS == "windows"

// fileTree holds the names of files, which may be paths.
type fileTree struct{ files, folders map[string]bool }

// add adds a file, unless there is one of its name, or one where the other has a folder.
func (t *fileTree) add(name string) bool {
	if t.files == nil {
		t.files, t.folders = make(map[string]bool), make(map[string]bool)
	}
	if caseless {
		name = strings.ToLower(name)
	}
	for above := path.Dir(name); above != "." && above != "/"; above = path.Dir(above) {
		if t.files[above] {
			return false
		}
	}
	if t.files[name] || t.folders[name] {
		return false
	}
	t.files[name] = true
	for above := path.Dir(name); above != "." && above != "/"; above = path.Dir(above) {
		t.folders[above] = true
	}
	return true
}

// mlflowName is a name with an underscore for each character that MLflow does not
// allow.
func mlflowName(name string) string {
	name = notInMLflow().ReplaceAllString(strings.ToValidUTF8(name, "_"), "_")
	if path.Clean(name) != name || strings.HasPrefix(name, "..") || strings.HasPrefix(name, "/") || name == "." {
		name = strings.NewReplacer("/", "_", ".", "_").Replace(name)
	}
	if name == "" {
		return "_"
	}
	return name
}
