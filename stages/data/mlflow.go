package data

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"ablate/stages/record"
)

// mlflowMeta describes a run, an experiment or a model of MLflow's file store.
const mlflowMeta = "meta.yaml"

// Folders of a run of MLflow.
const (
	mlflowParameters = "params/"
	mlflowMetrics    = "metrics/"
	mlflowTags       = "tags/"
)

func isMLflow(rel string) bool {
	return rel == mlflowMeta || strings.HasPrefix(rel, mlflowParameters) || strings.HasPrefix(rel, mlflowMetrics) || strings.HasPrefix(rel, mlflowTags)
}

// mlflowStatus are the states of a run by the number under which MLflow stores them.
var mlflowStatus = map[string]string{"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}

// readMLflow reads a run of MLflow's file store: a file for each parameter, tag
// and metric. Parameters are texts there. Deleted runs are no runs.
func readMLflow(r *folderRun) error {
	text, err := r.text(mlflowMeta)
	if err != nil {
		return err
	}
	meta, err := yamlParameters(text)
	if err != nil {
		return fmt.Errorf("%s: %w", mlflowMeta, err)
	}
	if _, ok := meta["run_id"]; !ok || meta["lifecycle_stage"].text == "deleted" {
		r.skip = true
		return nil
	}
	for _, rel := range sortedKeys(r.files) {
		if err := r.readMLflowFile(rel); err != nil {
			return err
		}
	}
	status := meta["status"].text
	if word, ok := mlflowStatus[status]; ok {
		status = word
	}
	r.add(map[string]cell{
		"status": {textual, status}, "run_id": meta["run_id"], "run_name": meta["run_name"], "experiment_id": meta["experiment_id"],
	})
	return nil
}

func (r *folderRun) readMLflowFile(rel string) error {
	if name, ok := strings.CutPrefix(rel, mlflowMetrics); ok {
		return r.readMLflowMetric(rel, name)
	}
	name, ok := strings.CutPrefix(rel, mlflowParameters)
	if !ok {
		if name, ok = strings.CutPrefix(rel, mlflowTags); !ok {
			return nil
		}
		name = "tags." + name
	}
	text, err := r.text(rel)
	if err != nil {
		return err
	}
	r.add(map[string]cell{name: {textual, string(text)}})
	return nil
}

// readMLflowMetric reads the history of a metric. Each line has the time, the value
// and the step, and in newer versions more.
func (r *folderRun) readMLflowMetric(rel, name string) error {
	r.series.files++
	return r.scan(rel, func(in io.Reader) (truncated bool, err error) {
		for line, err := range record.Lines(in) {
			if err != nil {
				return false, err
			}
			fields := bytes.Fields(line.Text)
			if len(fields) < 2 {
				return false, fmt.Errorf("line %d does not have a time, a value and a step", line.Number)
			}
			p := point{float64(line.Number), cell{textual, string(fields[1])}}
			if len(fields) > 2 {
				if p.step, err = stepOf([]cell{{numeric, string(fields[2])}}, 0); err != nil {
					return false, fmt.Errorf("line %d: %w", line.Number, err)
				}
			}
			if err := r.series.add(rel, name, p); err != nil {
				return false, err
			}
		}
		return false, nil
	})
}
