package data

import (
	"cmp"
	"context"
	"fmt"

	"ablate/stages/record"
)

// trackioSchema is the newest version of Trackio's tables that is known.
const trackioSchema = 2

// trackioDatabase is the database of a project of Trackio. It does not record how
// runs ended.
var trackioDatabase = databaseFormat{
	name: "trackio", title: "Trackio", mark: "configs",
	needs: map[string][]string{
		"configs": {"run_name", "config"},
		"metrics": {"run_name", "step", "metrics"},
	},
	read: readTrackio,
}

// readTrackio reads the runs of a project. Before version 2 of the tables, a run was
// known by its name.
func readTrackio(ctx context.Context, d *databaseReader) error {
	versions, err := d.texts(ctx, "SELECT user_version FROM pragma_user_version")
	if err != nil {
		return err
	}
	if v := versions[0]; len(v) > 1 || v > fmt.Sprint(trackioSchema) {
		d.rows.notes = append(d.rows.notes, newerSchema(d.file, "Trackio", v))
	}
	id := "run_name"
	if d.Has("metrics", "run_id") && d.Has("configs", "run_id") {
		id = "run_id"
	}
	if err := d.followTrackio(ctx, id); err != nil {
		return err
	}
	var name string
	return d.each(ctx, "SELECT "+id+" FROM metrics UNION SELECT "+id+" FROM configs ORDER BY 1", func() error {
		return d.addRun(name, d.begin(name), map[string]cell{"run_id": {textual, name}})
	}, &name)
}

// followTrackio reads configurations and metrics of runs.
func (d *databaseReader) followTrackio(ctx context.Context, id string) error {
	var name, config, metrics string
	var step float64
	return cmp.Or(
		d.follow(ctx, "SELECT "+id+", run_name, config FROM configs ORDER BY "+id, nil, func(run *folderRun) error {
			run.add(map[string]cell{"run_name": {textual, name}})
			parameters, err := jsonParameters([]byte(config))
			if err != nil {
				return brokenRun{fmt.Errorf("its configuration: %w", err)}
			}
			run.add(parameters)
			return nil
		}, &name, &config),
		d.follow(ctx, "SELECT "+id+", step, metrics FROM metrics ORDER BY "+id+", step, id", nil, func(run *folderRun) error {
			run.series.files++
			return run.jsonMetrics("metrics", step, []byte(metrics))
		}, &step, &metrics))
}

// jsonMetrics adds the members of a JSON object as metrics at a step.
func (r *folderRun) jsonMetrics(from string, step float64, text []byte) error {
	var object map[string]any
	if err := record.Decode(text, &object); err != nil {
		return brokenRun{fmt.Errorf("the metrics of step %v: %w", step, err)}
	}
	for _, name := range sortedKeys(object) {
		c := valueCell(object[name])
		if c.kind == null {
			continue // not measured at this step
		}
		if err := r.series.add(from, name, point{step, c}); err != nil {
			return brokenRun{err}
		}
	}
	return nil
}

// newerSchema is the warning about a schema that is newer than those that are known.
func newerSchema(file, title, version string) string {
	return fmt.Sprintf("%s has the schema %s of %s, which is newer than those that are known. It has all columns that ablate needs", file, version, title)
}
