package data

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// mlflowDatabase is the tracking database of MLflow.
var mlflowDatabase = databaseFormat{
	name: "mlflow", title: "MLflow", mark: "latest_metrics",
	needs: map[string][]string{
		"runs":           {"run_uuid", "name", "status", "lifecycle_stage", "experiment_id"},
		"experiments":    {"experiment_id", "name", "lifecycle_stage"},
		"params":         {"run_uuid", "key", "value"},
		"tags":           {"run_uuid", "key", "value"},
		"metrics":        {"run_uuid", "key", "value", "step", "timestamp", "is_nan"},
		"latest_metrics": {"run_uuid", "key", "value", "step", "is_nan"},
	},
	read: readMLflowDatabase,
}

// readMLflowDatabase reads the runs that are not deleted, nor in an experiment that is.
func readMLflowDatabase(ctx context.Context, d *databaseReader) (err error) {
	if err := d.checkMLflow(ctx); err != nil {
		return err
	}
	if d.names, err = d.texts(ctx, `SELECT DISTINCT key FROM params UNION SELECT DISTINCT key FROM latest_metrics`); err != nil {
		return err
	}
	if err := d.followMLflow(ctx); err != nil {
		return err
	}
	var id string
	var name, status, experiment, title any
	var deleted *bool
	return d.each(ctx, `SELECT r.run_uuid, r.name, r.status, r.experiment_id, e.name, r.lifecycle_stage = 'deleted' OR e.lifecycle_stage = 'deleted'
		FROM runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id ORDER BY r.run_uuid`, func() error {
		if deleted != nil && *deleted {
			return nil // the cursors pass over its rows
		}
		return d.addRun(id, d.begin(id), map[string]cell{
			"status": databaseCell(status), "run_id": {textual, id}, "run_name": databaseCell(name),
			"experiment_id": databaseCell(experiment), "experiment_name": databaseCell(title),
		})
	}, &id, &name, &status, &experiment, &title, &deleted)
}

// followMLflow reads parameters, tags and metrics of runs.
func (d *databaseReader) followMLflow(ctx context.Context) error {
	return cmp.Or(
		d.followMLflowTexts(ctx, "params", ""),
		d.followMLflowTexts(ctx, "tags", "tags."),
		d.follow(ctx, "SELECT DISTINCT run_uuid FROM latest_metrics WHERE run_uuid IS NOT NULL ORDER BY run_uuid", nil, func(run *folderRun) error {
			run.series.files++
			return nil
		}),
		d.followMLflowMetrics(ctx))
}

// followMLflowTexts reads a table of names and texts. prefix is what columns have before
// the name.
func (d *databaseReader) followMLflowTexts(ctx context.Context, table, prefix string) error {
	var key string
	var value any
	condition, args := among("key", prefix, d.rows.wanted)
	return d.follow(ctx, "SELECT run_uuid, key, value FROM "+table+" WHERE run_uuid IS NOT NULL AND "+condition+" ORDER BY run_uuid", args, func(run *folderRun) error {
		run.add(map[string]cell{prefix + key: databaseCell(value)})
		return nil
	}, &key, &value)
}

func (d *databaseReader) followMLflowMetrics(ctx context.Context) error {
	var key string
	var value any
	var step float64
	var nan bool
	table, order := "latest_metrics", "run_uuid"
	if d.spec.Curves {
		table, order = "metrics", "run_uuid, step, timestamp, value"
	}
	condition, args := among("key", "", d.rows.wanted)
	return d.follow(ctx, "SELECT run_uuid, key, value, step, is_nan FROM "+table+" WHERE run_uuid IS NOT NULL AND "+condition+" ORDER BY "+order, args, func(run *folderRun) error {
		return run.series.add("metrics", key, point{step, mlflowValue(value, nan)})
	}, &key, &value, &step, &nan)
}

// mlflowValue is the value of a metric. MLflow stores infinities as the largest
// numbers, and NaN as 0 with a mark.
func mlflowValue(value any, nan bool) cell {
	if nan {
		return cell{numeric, "NaN"}
	}
	if v, ok := value.(float64); ok && math.Abs(v) == math.MaxFloat64 {
		return cell{numeric, fmt.Sprint(math.Copysign(math.Inf(1), v))}
	}
	return databaseCell(value)
}

// checkMLflow warns of a schema that is newer than those that are known.
func (d *databaseReader) checkMLflow(ctx context.Context) error {
	if !d.Has("alembic_version", "version_num") {
		return nil
	}
	versions, err := d.texts(ctx, "SELECT version_num FROM alembic_version")
	for _, v := range versions {
		if !slices.Contains(mlflowSchemas, v) {
			d.rows.notes = append(d.rows.notes, newerSchema(d.file, "MLflow", v))
		}
	}
	return err
}

// mlflowSchemas are the versions of the schema up to MLflow 3.17.
var mlflowSchemas = strings.Fields(`
	0584bdc529eb 0a8213491aaa 0c779009ac13 17e22815139b 181f10493468 1971f2d9a75b 1a0cddfcaa16 1b5f0d9ad7c1 1bd49d398cd23
	27a6a02d2cf1 2b4d017a5e9b 2c33131f4dae 2d6e25af4d3e 3500859a5d39 39d1c3be5f05 3da73c924c2f 400f98739977 4465047574b1
	451aebb31d03 534353b11cbc 5b0e9adcef9c 5d2d30f0abce 6953534de441 6f8d9c3b2a1e 71994744cf8e 728d730b5ebd 75868b020152
	76601a5f987d 770bee3ae1dd 7ac759974ad8 7d34483879f0 7f2a7d5fae7d 84291f40a231 867495a8f9d4 89d3d66ed43f 89d4b8295536
	90e64c465722 97727af70f4d a1b2c3d4e5f6 a5b4c3d2e1f0 a8b9c0d1e2f3 a8c4a736bde6 acf3f17fdcc7 ae8bbe7743c9 b7c8d9e0f1a2
	b7e2c1a4d9f3 b7e4c1a90f23 bd07f7e963c5 bda7b8c39065 bf29a5ff90ea c1d2e3f4a5b6 c3d6457b6d8a c3d9e7f1a2b4 c48cb773bb87
	c8d9e0f1a2b3 c9d4e5f6a7b8 cbc13b556ace cc1f77228345 cfd24bdc0731 d0e1f2a3b4c5 d3e4f5a6b7c8 da6fb0208061 dc11669786a5
	de4033877273 df50e92ffc5e e1f2a3b4c5d6 f5a4f2784254`)
