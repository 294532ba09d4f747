package program

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"strings"

	"ablate/cache/fsys"
	"ablate/hcl/diag"
	"ablate/stages/record"
)

// metrics is what a program logged, one entry per step and name, sorted by step.
// Programs log millions of rows, so a row takes only 24 bytes.
type metrics struct {
	names []string
	rows  []metricRow
}

type metricRow struct {
	step  int
	value float64
	name  int32 // index in names
}

// maxMetricNames bounds the memory for names: a program that makes up a name for
// every row logs something else than metrics.
const maxMetricNames = 100_000

// readMetrics reads the files of metrics. Of rows with the same step and name, which
// a program logs again after it resumed from a checkpoint, the last one counts.
func readMetrics(s Scratch) (*metrics, error) {
	var all []io.Reader
	for _, name := range s.rowFiles() {
		f, err := fsys.OpenRegular(s.path(name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		all = append(all, f, strings.NewReader("\n"))
	}
	return parseMetrics(io.MultiReader(all...))
}

func parseMetrics(r io.Reader) (*metrics, error) {
	m := &metrics{}
	index := make(map[string]int32)
	for line, err := range record.Lines(r) {
		if err != nil {
			return nil, badMetrics(err)
		}
		row, err := record.Parse(line.Text)
		if err != nil {
			return nil, badRow(line.Number, line.Text, err)
		}
		name, known := index[row.Name]
		if !known {
			if len(m.names) == maxMetricNames {
				return nil, badRow(line.Number, line.Text, fmt.Errorf("the file has more than %d names of metrics", maxMetricNames))
			}
			name = int32(len(m.names))
			m.names, index[row.Name] = append(m.names, row.Name), name
		}
		m.rows = append(m.rows, metricRow{row.Step, row.Value, name})
	}
	m.sort()
	return m, nil
}

// badMetrics is the diagnostic for a file that cannot be read as lines.
func badMetrics(err error) error {
	return diag.Errorf(diag.Path{"argv"}, "Unreadable metrics", "The metrics that the program logged cannot be read: %v.", err).Err()
}

// badRow is the diagnostic for a line that cannot be used.
func badRow(number int, line []byte, err error) error {
	return diag.Errorf(diag.Path{"argv"}, "Unreadable metrics",
		"Line %d of the metrics that the program logged cannot be used: %v:\n\n    %s\n\nEach line is one object: %s.",
		number, err, excerpt(line), rowExample).Err()
}

// sort orders rows by step and keeps the last of each step and name, in the place
// of the first.
func (m *metrics) sort() {
	byStep := func(a, b metricRow) int { return cmp.Compare(a.step, b.step) }
	if !slices.IsSortedFunc(m.rows, byStep) {
		slices.SortStableFunc(m.rows, byStep)
	}
	kept := m.rows[:0]
	place := make([]int, len(m.names)) // of a name's last row in kept, counted from 1
	for _, r := range m.rows {
		if i := place[r.name] - 1; i >= 0 && kept[i].step == r.step {
			kept[i].value = r.value
			continue
		}
		kept = append(kept, r)
		place[r.name] = len(kept)
	}
	m.rows = kept
}

func (m *metrics) empty() bool { return len(m.rows) == 0 }

// settled yields the rows of the artifact: those with a finite value, and one
// that says where the trial diverged when a metric ends with another. A program
// that logs "diverged" by itself decides, with a value other than 0.
func (m *metrics) settled() iter.Seq[record.Row] {
	return func(yield func(record.Row) bool) {
		last := make([]metricRow, len(m.names))
		decided := false
		for _, r := range m.rows {
			last[r.name] = r
			row := record.Row{Step: r.step, Name: m.names[r.name], Value: r.value}
			if row.Name == record.Diverged && r.value == 0 {
				continue
			}
			decided = decided || row.Name == record.Diverged && row.Finite()
			if row.Finite() && !yield(row) {
				return
			}
		}
		if step, ok := divergence(last); ok && !decided {
			yield(record.Row{Step: step, Name: record.Diverged, Value: 1})
		}
	}
}

// reported yields the rows of the artifact, and warns of a divergence.
func (m *metrics) reported(warn func(string)) iter.Seq[record.Row] {
	return func(yield func(record.Row) bool) {
		for r := range m.settled() {
			if r.Name == record.Diverged {
				warn(fmt.Sprintf("the trial diverged at step %d", r.Step))
			}
			if !yield(r) {
				return
			}
		}
	}
}

// divergence is the first step at which a metric ends with a value that is not
// finite.
func divergence(last []metricRow) (step int, ok bool) {
	for _, r := range last {
		if (math.IsNaN(r.value) || math.IsInf(r.value, 0)) && (!ok || r.step < step) {
			step, ok = r.step, true
		}
	}
	return step, ok
}

// excerpt is the beginning of a line with control characters replaced.
func excerpt(line []byte) string {
	const most = 80
	return strings.Map(printable, string(line[:min(len(line), most)]))
}

// printable replaces what would confuse a terminal.
func printable(r rune) rune {
	if r < ' ' && r != '\t' || r == '\uFFFD' || r >= 0x7f && r < 0xa0 {
		return '·'
	}
	return r
}
