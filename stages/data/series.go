package data

import (
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ablate/stages/record"
)

// series are the metrics of a run by step.
type series struct {
	wanted []string
	points map[string][]point
	from   map[string]string // the file that a metric was read from
	others map[string]bool   // metrics of the files that are no responses
	files  int
}

// point is a value of a metric. Its cell is as the file has it.
type point struct {
	step  float64
	value cell
}

func newSeries(wanted []string) series {
	return series{wanted: wanted, points: make(map[string][]point), from: make(map[string]string), others: make(map[string]bool)}
}

// last returns the value at the largest step; of several, the one that was written
// last.
func last(points []point) cell {
	best := points[0]
	for _, p := range points[1:] {
		if p.step >= best.step {
			best = p
		}
	}
	return best.value
}

// metricsNames are the names, without their endings, of tables of metrics.
var metricsNames = []string{"metrics", "history", "progress", "results"}

// isMetrics reports whether a file holds metrics, by its name.
func isMetrics(rel string) bool {
	base := path.Base(rel)
	ending := path.Ext(base)
	return slices.Contains([]string{".csv", ".tsv", ".jsonl", ".json", ".parquet"}, ending) && slices.Contains(metricsNames, strings.TrimSuffix(base, ending))
}

// isSeries reports whether a file holds metrics in a format that all layouts read.
func isSeries(rel string) bool { return isMetrics(rel) || isEvents(rel) }

// stepNames are the columns that hold the step, in order of precedence.
var stepNames = []string{"step", "_step", "global_step", "iteration"}

// Columns of a table that has a row for each value.
const (
	nameColumn  = "name"
	valueColumn = "value"
)

// readMetrics reads all metrics of a run. Event files have less precision than tables,
// so they count for the metrics that no table has.
func (r *folderRun) readMetrics() error {
	for _, rel := range sortedKeys(r.files) {
		if isMetrics(rel) {
			if err := r.readTable(rel); err != nil {
				return err
			}
		}
	}
	return r.readEventFiles()
}

func (r *folderRun) readTable(rel string) error {
	r.series.files++
	wanted := slices.Concat(stepNames, []string{nameColumn, valueColumn}, r.series.wanted)
	n := 0
	return r.scan(rel, func(in io.Reader) (truncated bool, err error) {
		return false, scanTable(in, wanted, func(row tableRow) error {
			n++
			if row.broken != "" {
				return fmt.Errorf("line %d: %s", row.number, row.broken)
			}
			return r.series.row(rel, n, row)
		})
	})
}

// row reads one row of a table: all metrics at a step, or one of them.
func (s *series) row(rel string, n int, row tableRow) error {
	step, err := stepOf(row.cells[:len(stepNames)], n)
	if err != nil {
		return fmt.Errorf("line %d: %w", row.number, err)
	}
	rest := row.cells[len(stepNames):]
	if name, value := rest[0], rest[1]; name.kind == textual && value.kind != absent {
		return s.add(rel, name.text, point{step, value})
	}
	for _, name := range row.columns() {
		if !slices.Contains(s.wanted, name) && !slices.Contains(stepNames, name) {
			s.others[name] = true
		}
	}
	for i, name := range s.wanted {
		c := rest[2+i]
		if c.kind == absent || c.kind == null && c.text == "" { // not measured at this step
			continue
		}
		if err := s.add(rel, name, point{step, c}); err != nil {
			return err
		}
	}
	return nil
}

// stepOf reads the step of row n. Without a column for it the rows are in order.
func stepOf(cells []cell, n int) (float64, error) {
	for _, c := range cells {
		if c.kind == absent || c.kind == null {
			continue
		}
		step, err := record.Number(c.text)
		if err != nil || math.IsNaN(step) || math.IsInf(step, 0) {
			return 0, fmt.Errorf("the step is %.40q, not a number", c.text)
		}
		return step, nil
	}
	return float64(n), nil
}

// wants reports whether a metric is a response.
func (s *series) wants(name string) bool { return slices.Contains(s.wanted, name) }

// eventFiles is what series call all event files of a run.
const eventFiles = "event files"

// add adds a value of a metric, whose name is brought into the normal form in which the
// language reads it. A metric that two tables have is a mistake: which one counts cannot
// be known.
func (s *series) add(rel, name string, p point) error {
	name = norm.NFC.String(name)
	if !s.wants(name) {
		s.others[name] = true
		return nil
	}
	switch from, ok := s.from[name]; {
	case ok && from != rel && rel == eventFiles:
		return nil
	case ok && from != rel:
		return fmt.Errorf("both %s and %s have the metric %s; name one of them in exclude", from, rel, name)
	}
	s.from[name] = rel
	s.points[name] = append(s.points[name], p)
	return nil
}

// counts are how many values the metrics have.
func (s *series) counts() map[string]int {
	out := make(map[string]int, len(s.points))
	for name, points := range s.points {
		out[name] = len(points)
	}
	return out
}

// drop removes the values of a step and of later ones, beyond the first of each metric.
func (s *series) drop(first map[string]int, step float64) {
	for name, points := range s.points {
		n := first[name]
		rest := slices.DeleteFunc(points[n:], func(p point) bool { return p.step >= step })
		if s.points[name] = points[:n+len(rest)]; len(s.points[name]) == 0 {
			delete(s.points, name)
		}
	}
}
