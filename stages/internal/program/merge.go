package program

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"ablate/stages/internal/tfevents"
	"ablate/stages/record"
)

// fileRows are the rows of a file in a format of another tool.
type fileRows struct {
	name    string // its path in the program's folder
	rows    []foreignRow
	resumed *int64 // see fileFacts
	old     bool   // an earlier call wrote it
}

// writer tells apart which files continue each other: event files in one folder do.
func (f fileRows) writer() string {
	if tfevents.IsName(filepath.ToSlash(f.name)) {
		return filepath.Dir(f.name)
	}
	return f.name
}

// merge drops the rows from which a program that resumed did not go on, as TensorBoard
// does, and the metrics for which two writers of one kind have different values: which of
// them counts cannot be known. ambiguous has the two writers by metric.
func merge(all []fileRows) (kept []fileRows, ambiguous map[string][2]string) {
	kept = slices.Clone(all)
	for i, f := range kept {
		for j := range kept[:i] {
			if f.resumed != nil && kept[j].writer() == f.writer() {
				kept[j].rows = before(kept[j].rows, *f.resumed)
			}
		}
	}
	ambiguous = ambiguities(kept)
	for i := range kept {
		kept[i].rows = slices.DeleteFunc(kept[i].rows, func(r foreignRow) bool { _, ok := ambiguous[r.name]; return ok })
	}
	return kept, ambiguous
}

// ambiguities finds metrics of which two writers have different values at one step. A
// program that resumed may have begun other files, so those of earlier calls do not count.
func ambiguities(all []fileRows) map[string][2]string {
	type place struct {
		step float64
		name string
	}
	type value struct {
		number float64
		writer string
	}
	found := make(map[string][2]string)
	several := sharedNames(all)
	for _, events := range []bool{false, true} {
		values := make(map[place]value)
		for _, f := range all {
			writer := f.writer()
			if f.old || events != (writer != f.name) {
				continue
			}
			for _, r := range f.rows {
				if !several[r.name] {
					continue
				}
				step, _ := record.Number(r.step) // what is no step is reported when the row is read
				number, _ := record.Number(r.value)
				at := place{step, r.name}
				if v, ok := values[at]; ok && v.writer != writer && cmp.Compare(v.number, number) != 0 {
					found[r.name] = [2]string{v.writer, writer}
				}
				values[at] = value{number, writer}
			}
		}
	}
	return found
}

// sharedNames are the metrics of several files. Others need no memory for each row.
func sharedNames(all []fileRows) map[string]bool {
	several, writer := make(map[string]bool), make(map[string]string)
	for _, f := range all {
		for _, r := range f.rows {
			if w, ok := writer[r.name]; ok && w != f.writer() {
				several[r.name] = true
			}
			writer[r.name] = f.writer()
		}
	}
	return several
}

func ambiguousMetrics(found map[string][2]string) string {
	names := sortedKeys(found)
	places := found[names[0]]
	return fmt.Sprintf("%s and %s have different values of a metric at the same step. Such metrics are left out, unless file of metrics names only one of the places: %s",
		places[0], places[1], quotedList(names))
}

// before keeps the rows of event files before a step.
func before(rows []foreignRow, step int64) []foreignRow {
	return slices.DeleteFunc(rows, func(r foreignRow) bool {
		at, err := strconv.ParseInt(r.step, 10, 64)
		return err == nil && at >= step
	})
}

// earliest returns the smaller of two steps, of which either may be missing.
func earliest(a, b *int64) *int64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// dropResumed drops the rows of earlier calls from which the program did not go on: its
// event files say at which step it resumed.
func (p *call) dropResumed(all []fileRows) error {
	var first *int64
	for _, f := range all {
		first = earliest(first, f.resumed)
	}
	if first == nil || p.copied == 0 {
		return nil
	}
	name := p.dir.path(copiedFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(text[:p.copied]) {
		if row, err := record.Parse(line); err != nil || int64(row.Step) < *first {
			kept.Write(line)
		}
	}
	p.copied = int64(kept.Len())
	return os.WriteFile(name, kept.Bytes(), 0o600)
}

// isOld reports whether a file of metrics is as it was when this call began.
func (p *call) isOld(name string) bool {
	size, ok := p.before[name]
	info, err := os.Stat(p.dir.path(name))
	return ok && err == nil && info.Size() == size
}

// sizesBefore are the sizes of the files of metrics that earlier calls left.
func (p *call) sizesBefore() map[string]int64 {
	m := p.spec.Metrics
	if m == nil || m.File == "" || !p.resumed {
		return nil
	}
	sizes := make(map[string]int64)
	names, _ := m.files(p.dir) // what is wrong with them is reported at the end
	for _, name := range names {
		if info, err := os.Stat(p.dir.path(name)); err == nil {
			sizes[name] = info.Size()
		}
	}
	return sizes
}
