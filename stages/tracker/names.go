package tracker

import (
	"fmt"
	"path"
	"regexp"
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

// mlflowNames are the names that MLflow does not allow, with others in their place.
// A name may be a path; then no other can name one of its folders.
func mlflowNames(names []string) (renamed map[string]string, err error) {
	renamed, taken := make(map[string]string), make(map[string]bool)
	for _, name := range names {
		taken[name] = true
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if len(name) > maxName {
			return nil, fmt.Errorf("the name %.40s… is longer than %d bytes, which is MLflow's limit", name, maxName)
		}
		other := mlflowName(name)
		if insideOf(other, taken) {
			other = strings.ReplaceAll(other, "/", "_")
		}
		if other == name {
			continue
		}
		for taken[other] {
			other += "_"
		}
		renamed[name], taken[other] = other, true
	}
	return renamed, nil
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

// insideOf reports whether a name that is a path leads through another name.
func insideOf(name string, taken map[string]bool) bool {
	for i, c := range name {
		if c == '/' && taken[name[:i]] {
			return true
		}
	}
	return false
}
