// Package tracker writes runs as other trackers store them, so that their programs
// show them: in the layout of MLflow's file store, or as event files of TensorBoard.
// data "results" reads both.
package tracker

import (
	"fmt"
	"iter"
	"time"
)

// Run is a run to write.
type Run struct {
	ID         string // tells it from the other runs, and is the same when it is written again
	Stage      string // a name for its stage, which no other stage has
	Name       string // among the runs of its stage; "" for the only one
	Parameters map[string]string
	Tags       map[string]string
	Values     []Value // in order of steps
	Started    time.Time
	Finished   time.Time
	Failed     bool
}

// Value is a value of a metric, which may be NaN.
type Value struct {
	Step   int
	Metric string
	Number float64
}

// Runs are the runs of a study.
type Runs struct {
	Study      string
	Parameters []string // the names that the runs have
	Metrics    []string // likewise
	Each       iter.Seq2[Run, error]
}

// Formats lists the formats.
var Formats = []string{"mlflow", "tensorboard"}

// DefaultFolder is where the programs of a format look for runs.
func DefaultFolder(format string) string {
	if format == "mlflow" {
		return "mlruns"
	}
	return "runs"
}

// Write writes runs below a folder. They replace those that it wrote for the study
// before; everything else in the folder stays. renamed are the names that the
// format does not allow, with those that replace them.
func (r Runs) Write(dir, format string) (written int, renamed map[string]string, err error) {
	switch format {
	case "mlflow":
		return r.writeMLflow(dir)
	case "tensorboard":
		written, err = r.writeTensorBoard(dir)
		return written, nil, err
	}
	panic(fmt.Sprintf("tracker: no format %q", format))
}
