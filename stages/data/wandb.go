package data

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"

	"golang.org/x/text/unicode/norm"

	"ablate/stages/internal/wandb"
	"ablate/stages/record"
)

// isWandB reports whether a file is a log of W&B, by its name.
func isWandB(rel string) bool { return path.Dir(rel) == "." && wandb.IsName(rel) }

// Words of W&B for how a run ended.
const (
	wandbFinished = "finished"
	wandbCrashed  = "crashed"
	wandbOpen     = "not ended"
)

// readWandB reads the folder of an offline run. A metric is a value of the history,
// or of the summary if no row has it. A run is still active, or was killed, if its
// log has no end.
func readWandB(r *folderRun) error {
	config, summary := make(map[string]string), make(map[string]string) // the latest values, as JSON
	identity := make(map[string]cell)
	status := wandbOpen
	log := wandb.Log{
		Run: func(id, name, group, project string) {
			// The log has a further record when the run is renamed.
			identity = map[string]cell{"run_id": {textual, id}, "run_name": {textual, name}, "run_group": {textual, group}, "project": {textual, project}}
		},
		Config: func(i wandb.Item) error {
			config[norm.NFC.String(i.Name)] = i.JSON
			return nil
		},
		History: func(step int64, items []wandb.Item) error {
			return r.wandbRow(step, items)
		},
		Summary: func(i wandb.Item) error {
			summary[norm.NFC.String(i.Name)] = i.JSON
			return nil
		},
		Exit: func(code int64) {
			if status = wandbFinished; code != 0 {
				status = wandbCrashed
			}
		},
	}
	err := r.readLogs(log)
	delete(config, "_wandb") // of the program itself
	var bad error
	r.columns, bad = wandbColumns(config) // also of a log that is damaged further on
	if err = cmp.Or(err, bad); err != nil {
		return err
	}
	r.series.files++
	r.add(identity)
	r.add(map[string]cell{"status": {textual, status}})
	r.results, err = wandbColumns(summary)
	return err
}

// readLogs reads the log of a run.
func (r *folderRun) readLogs(log wandb.Log) error {
	for i, rel := range sortedKeys(r.files) {
		if i > 0 {
			return fmt.Errorf("it has two logs, %s and %s; name one of them in exclude", sortedKeys(r.files)[0], rel)
		}
		if err := r.scan(rel, func(in io.Reader) (truncated bool, err error) { return wandb.Read(in, log) }); err != nil {
			return err
		}
	}
	return nil
}

// wandbColumns are values and, of those that are objects, the values in them.
func wandbColumns(values map[string]string) (map[string]cell, error) {
	columns := make(map[string]cell)
	for _, name := range sortedKeys(values) {
		var v any
		if err := record.Decode([]byte(values[name]), &v); err != nil {
			return columns, fmt.Errorf("the value of %s: %w", name, err)
		}
		one := make(map[string]cell)
		if err := flattenJSON(one, name, v, 0); err != nil {
			return columns, err
		}
		maps.Copy(columns, one)
	}
	return columns, nil
}

// wandbRow adds a row of the history.
func (r *folderRun) wandbRow(step int64, items []wandb.Item) error {
	for _, i := range items {
		name := norm.NFC.String(i.Name)
		if !r.series.wants(name) {
			r.series.others[name] = true
			continue
		}
		c, err := decodedCell(i.JSON)
		if err != nil {
			return fmt.Errorf("the value of %s: %w", i.Name, err)
		}
		if c.kind == null {
			continue // not measured at this step
		}
		if err := r.series.add("history", name, point{float64(step), c}); err != nil {
			return err
		}
	}
	return nil
}
