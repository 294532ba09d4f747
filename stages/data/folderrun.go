package data

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"

	"golang.org/x/text/unicode/norm"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/record"
)

// runColumn says which run it is.
const runColumn = "run"

// noMetrics is the status of a run that left no metrics.
const noMetrics = "no metrics"

// folderRun is a run while its files are read.
type folderRun struct {
	foundRun
	sources pipeline.Sources
	columns map[string]cell // parameters, then what ablate adds
	series  series
	results map[string]cell // values without a step
	skip    bool            // it is no run
	empty   bool            // it finished without logging any metric
	others  []string        // more columns that it may have, for messages

	truncated []string // event files that end inside of a record
	events    eventFolder
	hyper     map[string]cell // what the plugin HParams recorded
}

// readFolder reads one run.
func readFolder(ctx context.Context, sources pipeline.Sources, format *folderFormat, found foundRun, rows *runReader) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	run := &folderRun{foundRun: found, sources: sources, columns: map[string]cell{}, series: newSeries(rows.metrics())}
	err := format.read(run)
	if _, ok := diag.From(err); ok {
		return err
	}
	if run.skip {
		return nil
	}
	return rows.addRun(run, err)
}

// addRun adds a run that is no row of a table; broken says why it cannot be read.
func (x *runReader) addRun(run *folderRun, broken error) error {
	run.summarize()
	row := tableRow{columns: run.names, cells: x.cells(run), empty: run.empty}
	matches, certain := x.matches(row)
	var curves []record.Curve
	if x.curvesTo != nil && broken == nil && matches {
		curves, broken = x.curves(run)
	}
	if broken != nil && (matches || !certain) {
		row.broken = broken.Error()
	}
	for _, rel := range run.truncated {
		x.truncated = append(x.truncated, path.Join(run.name, rel))
	}
	for len(x.places) < x.runs { // rows of a table before it
		x.places = append(x.places, "")
	}
	x.places = append(x.places, run.name)
	return x.add(run.name, row, curves)
}

// cells are the wanted columns of a run. A response is what the run measured, also if
// a parameter has the same name.
func (x *runReader) cells(run *folderRun) []cell {
	out := make([]cell, len(x.wanted))
	for i, name := range x.wanted {
		measured, ok := run.measured(name)
		switch {
		case name == "":
		case ok && i >= x.responseAt(0) && i < x.replicateAt():
			out[i] = measured
		default:
			out[i] = run.columns[name]
		}
	}
	return out
}

// measured returns the last value of a metric, or the one that has no step.
func (r *folderRun) measured(name string) (cell, bool) {
	if points := r.series.points[name]; len(points) > 0 {
		return last(points), true
	}
	c, ok := r.results[name]
	return c, ok
}

// metrics lists the columns of the responses.
func (x *runReader) metrics() []string {
	return x.wanted[x.responseAt(0):x.replicateAt()]
}

// summarize makes the last value of each metric a column, and says how the run
// ended. A parameter has precedence over a column of ours.
func (r *folderRun) summarize() {
	interpolate(r.columns)
	for name, points := range r.series.points {
		r.add(map[string]cell{name: last(points)})
	}
	r.add(r.results)
	status, ok := r.columns["status"]
	if !ok && r.series.files == 0 {
		status, ok = cell{textual, noMetrics}, true
	}
	if ok {
		r.empty = r.finishedEmpty(status)
		r.add(map[string]cell{outcomeColumn: status, "status": status})
	}
	r.add(map[string]cell{runColumn: {textual, r.name}})
}

// finishedEmpty reports whether a run finished without logging any metric, as one of
// MLflow does that has runs inside of it.
func (r *folderRun) finishedEmpty(status cell) bool {
	outcome, err := status.outcome()
	measured := r.series.files > 0 || slices.ContainsFunc(r.series.wanted, func(name string) bool { return r.columns[name].kind != absent })
	return err == nil && outcome == record.OutcomeFinished && !measured
}

// names lists the columns of a run.
func (r *folderRun) names() []string {
	names := append(sortedKeys(r.columns), r.others...)
	for name := range r.series.others {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// open opens a file of the run.
func (r *folderRun) open(rel string) (io.ReadCloser, error) {
	in, err := r.sources.Open(r.files[rel].path)
	if err != nil {
		return nil, unreadable(r.files[rel], err)
	}
	return in, nil
}

// scan reads a file of the run by a function, which reports whether it is cut.
func (r *folderRun) scan(rel string, read func(io.Reader) (truncated bool, err error)) error {
	in, err := r.open(rel)
	if err != nil {
		return err
	}
	defer in.Close()
	truncated, err := read(in)
	if err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	if truncated {
		r.truncated = append(r.truncated, rel)
	}
	return drain(in, r.files[rel])
}

// maxSmallFile bounds a file that is read as a whole: a configuration, or one
// parameter.
const maxSmallFile = 4 << 20

// text reads a small file.
func (r *folderRun) text(rel string) ([]byte, error) {
	if r.files[rel].size > maxSmallFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", rel, maxSmallFile)
	}
	in, err := r.open(rel)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, unreadable(r.files[rel], err)
	}
	return text, nil
}

// add adds parameters to the columns of a run, unless it has them. Names are in the
// normal form in which the language reads them.
func (r *folderRun) add(parameters map[string]cell) {
	for _, name := range sortedKeys(parameters) {
		composed := norm.NFC.String(name)
		if _, ok := r.columns[composed]; !ok {
			r.columns[composed] = parameters[name]
		}
	}
}
