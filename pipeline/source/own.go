package source

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ablate/hcl/study"
)

// PlanHead is how a saved plan begins.
const PlanHead = `{"type":"plan","format":`

// isOwn reports whether a file is one that ablate itself writes into a study's folder:
// the lock file, a report, a figure, or a saved plan. Nothing that is computed may depend on
// those, or each would make results stale. Reports, figures and plans are known by
// their content, so that a file of the user may have any name.
func isOwn(root, name string) bool {
	top := sameFolder(filepath.Dir(name), root)
	switch filepath.Base(name) {
	case study.LockFile:
		return top
	case "report.html":
		const head = 512 // bytes before the mark
		return contains(name, head, `<meta name="generator" content="ablate">`)
	case "report.md":
		const most = 16 << 20
		return contains(name, most, "\n## Provenance\n\n| what | key | result | computed | seconds | repeats |\n")
	}
	switch ext := filepath.Ext(name); ext {
	case ".svg", ".pdf", ".png", ".csv": // a figure is a file of each kind
		const head = 256 // bytes before the mark
		if contains(strings.TrimSuffix(name, ext)+".svg", head, ` data-generator="ablate" `) {
			return true
		}
	}
	return top && contains(name, int64(len(PlanHead)), PlanHead)
}

// sameFolder reports whether two paths name one folder. root is "" in the study's folder
// itself.
func sameFolder(dir, root string) bool {
	if root == "" {
		root = "."
	}
	return filepath.Clean(dir) == filepath.Clean(root)
}

// contains reports whether the first bytes of a file contain a text. What cannot be
// read is reported by those who need it.
func contains(name string, most int64, text string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, most))
	return err == nil && bytes.Contains(raw, []byte(text))
}
