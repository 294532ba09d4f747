package data

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"golang.org/x/text/unicode/norm"

	"ablate/stages/record"
)

// optunaSchema is the version of the tables that Optuna has had since 2.0.
const optunaSchema = 12

// optunaDatabase is Optuna's storage.
var optunaDatabase = databaseFormat{
	name: "optuna", title: "Optuna", mark: "trial_params",
	needs: map[string][]string{
		"version_info":              {"schema_version"},
		"studies":                   {"study_id", "study_name"},
		"trials":                    {"trial_id", "number", "study_id", "state"},
		"trial_params":              {"trial_id", "param_name", "param_value", "distribution_json"},
		"trial_values":              {"trial_id", "objective", "value", "value_type"},
		"trial_intermediate_values": {"trial_id", "step", "intermediate_value", "intermediate_value_type"},
		"trial_user_attributes":     {"trial_id", "key", "value_json"},
		"study_system_attributes":   {"study_id", "key", "value_json"},
	},
	read: readOptuna,
}

// Columns of trials of Optuna beside parameters. Those of objectives are values_0 and
// so on, or values_ and the name of a metric, where there are several.
const (
	optunaValue        = "value"
	optunaIntermediate = "intermediate"
	optunaAttribute    = "user_attrs."
)

// readOptuna reads the trials of all studies.
func readOptuna(ctx context.Context, d *databaseReader) error {
	if err := d.checkOptuna(ctx); err != nil {
		return err
	}
	objectives, err := d.optunaObjectives(ctx)
	if err != nil {
		return err
	}
	if d.names, err = d.texts(ctx, `SELECT DISTINCT param_name FROM trial_params UNION SELECT DISTINCT 'user_attrs.' || key FROM trial_user_attributes`); err != nil {
		return err
	}
	var study int64
	if err := d.followOptuna(ctx, func(objective int64) string { return objectives.name(study, objective) }); err != nil {
		return err
	}
	var id, state, name string
	var number int64
	return d.each(ctx, `SELECT printf('%020d', t.trial_id), t.number, t.state, t.study_id, s.study_name
		FROM trials t JOIN studies s ON s.study_id = t.study_id ORDER BY t.trial_id`, func() error {
		run := d.begin(fmt.Sprintf("%s/%d", name, number))
		run.series.files++ // a trial that is complete has a value
		return d.addRun(id, run, map[string]cell{"status": {textual, state}, "study_name": {textual, name}, "number": {numeric, strconv.FormatInt(number, 10)}})
	}, &id, &number, &state, &study, &name)
}

func (d *databaseReader) checkOptuna(ctx context.Context) error {
	versions, err := d.texts(ctx, "SELECT schema_version FROM version_info")
	if err == nil && (len(versions) != 1 || versions[0] != strconv.Itoa(optunaSchema)) {
		err = fmt.Errorf("it is a storage of Optuna with the schema %v; %d is the one that is read", versions, optunaSchema)
	}
	return err
}

// optunaObjectives are the columns of objectives by study.
type optunaObjectives map[int64][]string

// optunaObjectives reads how many objectives the studies have, and their names.
func (d *databaseReader) optunaObjectives(ctx context.Context) (optunaObjectives, error) {
	out := make(optunaObjectives)
	var study, last int64
	var named *string
	err := d.each(ctx, `SELECT s.study_id, COALESCE((SELECT MAX(objective) FROM trial_values v JOIN trials t ON t.trial_id = v.trial_id WHERE t.study_id = s.study_id), 0),
		(SELECT value_json FROM study_system_attributes a WHERE a.study_id = s.study_id AND a.key = 'study:metric_names') FROM studies s`, func() error {
		var names []string
		switch {
		case named != nil && json.Unmarshal([]byte(*named), &names) == nil && len(names) > 0:
			for i, name := range names {
				names[i] = "values_" + norm.NFC.String(name)
			}
			if len(names) == 1 {
				names[0] = optunaValue
			}
			out[study] = names
		case last == 0:
			out[study] = []string{optunaValue}
		}
		return nil
	}, &study, &last, &named)
	return out, err
}

func (o optunaObjectives) name(study, objective int64) string {
	if names := o[study]; objective >= 0 && objective < int64(len(names)) {
		return names[objective]
	}
	return fmt.Sprintf("values_%d", objective)
}

// followOptuna reads parameters, attributes and values of trials. objective names the
// column of a value.
func (d *databaseReader) followOptuna(ctx context.Context, objective func(int64) string) error {
	follow := func(columns, table string, take func(*folderRun) error, dest ...any) error {
		return d.follow(ctx, "SELECT printf('%020d', trial_id), "+columns+" FROM "+table+" ORDER BY trial_id", nil, take, dest...)
	}
	var name, distribution, key, text, kind, reportedKind string
	var parameter, value, reported any
	var number int64
	var step float64
	return cmp.Or(
		follow("param_name, param_value, distribution_json", "trial_params", func(run *folderRun) error {
			c, err := optunaParameter(parameter, distribution)
			if err != nil {
				return brokenRun{fmt.Errorf("%s: %w", name, err)}
			}
			run.add(map[string]cell{name: c})
			return nil
		}, &name, &parameter, &distribution),
		follow("key, value_json", "trial_user_attributes", func(run *folderRun) error {
			c, err := decodedCell(text)
			if err != nil {
				return brokenRun{fmt.Errorf("%s%s: %w", optunaAttribute, key, err)}
			}
			run.add(map[string]cell{optunaAttribute + key: c})
			return nil
		}, &key, &text),
		follow("objective, value, value_type", "trial_values", func(run *folderRun) error {
			c, err := optunaNumber(value, kind)
			run.results[objective(number)] = c
			return err
		}, &number, &value, &kind),
		follow("step, intermediate_value, intermediate_value_type", "trial_intermediate_values", func(run *folderRun) error {
			c, err := optunaNumber(reported, reportedKind)
			if err != nil {
				return err
			}
			return run.series.add(optunaIntermediate, optunaIntermediate, point{step, c})
		}, &step, &reported, &reportedKind))
}

// optunaNumber is a value with its type: SQLite has neither NaN nor infinities.
func optunaNumber(value any, kind string) (cell, error) {
	switch kind {
	case "FINITE":
		return databaseCell(value), nil
	case "INF_POS":
		return cell{numeric, "inf"}, nil
	case "INF_NEG":
		return cell{numeric, "-inf"}, nil
	case "NAN":
		return cell{numeric, "NaN"}, nil
	}
	return cell{}, brokenRun{fmt.Errorf("a value is of the type %.40q, which is not known", kind)}
}

// optunaParameter is the value of a parameter: of a categorical one, the choice that
// it numbers.
func optunaParameter(value any, distribution string) (cell, error) {
	var d struct {
		Name       string `json:"name"`
		Attributes struct {
			Choices []any `json:"choices"`
		} `json:"attributes"`
	}
	if err := record.Decode([]byte(distribution), &d); err != nil {
		return cell{}, fmt.Errorf("its distribution: %w", err)
	}
	c := databaseCell(value)
	if d.Name != "CategoricalDistribution" {
		return c, nil
	}
	i, err := strconv.ParseFloat(c.text, 64)
	if err != nil || i != float64(int(i)) || i < 0 || int(i) >= len(d.Attributes.Choices) {
		return cell{}, fmt.Errorf("it is choice %.40s of %d", c.text, len(d.Attributes.Choices))
	}
	return valueCell(d.Attributes.Choices[int(i)]), nil
}
