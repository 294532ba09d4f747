package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
	"ablate/stages/record"
)

// Results is data "results": tables of finished runs of any program.
type Results struct {
	Source    []string          `hcl:"source" key:"-" doc:"Folders of runs, SQLite databases of trackers, or tables: CSV with a head line (separated by commas, tabs or semicolons), JSON objects (one per line, or a list), or Parquet; also compressed with gzip or zstd. The content decides, not the name. Contents enter the key; paths do not."`
	Exclude   []string          `hcl:"exclude,optional" key:"-" doc:"Globs of files that a folder or glob in source leaves out. One without a slash matches a name at any depth, such as \"*.bak\"; another matches a path relative to the study's folder."`
	Factors   []string          `hcl:"factors" doc:"Columns whose values are levels. Texts keep their spelling: 2.1 and 2.10 are two levels. Numbers of JSON and Parquet are compared by value. A null of JSON, YAML or a tracker is the level null."`
	Replicate string            `hcl:"replicate,optional" doc:"Column that numbers the replicates of a cell and pairs them across cells. Without it, or if it is the only column that the files lack and they have no other, rows are unpaired."`
	Responses []string          `hcl:"responses,optional" doc:"Columns of numbers. NaN, an infinity, null or an empty field means that the run diverged."`
	Outcome   string            `hcl:"outcome,optional" doc:"Column that says how a run ended: finished, diverged or failed. Failed runs are left out. The column \"outcome\" may be missing; \"\" reads none."`
	Columns   map[string]string `hcl:"columns,optional" doc:"By factor, replicate or response, the name of its column in the files, if it is another."`

	Format string                `hcl:"format,optional" doc:"auto, table, hydra, lightning, mlflow, wandb, config, tensorboard, optuna or trackio. All but table, optuna and trackio are folders with one run each: of Hydra's multirun, of Lightning's CSVLogger, of MLflow's file store, of W&B's offline runs, with config.json or config.yaml beside metrics, or with event files of TensorBoard. mlflow is also MLflow's SQLite database, optuna is Optuna's and trackio is Trackio's. Parameters are columns, nested ones with dots, and so are the last value of each metric, run and status. auto decides by the names of the files, and of databases by their content."`
	Curves bool                  `hcl:"curves,optional" doc:"Keeps the responses at all steps, for analyses by step. Without it the last values alone are kept."`
	Step   string                `hcl:"step,optional" doc:"Column of tables that has the step. Rows with the same factors and replicate are then one run, whose value is the one at the last step. Responses are columns, or values of the column name whose numbers are in the column value. Without it each row of a table is a run."`
	Where  map[string]addr.Level `hcl:"where,optional" doc:"Values by column. Rows and runs that have another value, or lack the column, are left out."`
}

// outcomeColumn is the default of outcome, and what exports call it.
const outcomeColumn = "outcome"

// FactorNames lists the factors, the replicate last.
func (r *Results) FactorNames() []string {
	out := slices.Clone(r.Factors)
	if r.Replicate != "" {
		out = append(out, r.Replicate)
	}
	return out
}

// ReplicateName is the factor that numbers replicates, "" for none.
func (r *Results) ReplicateName() string { return r.Replicate }

// HasCurves reports whether the responses are kept at all steps.
func (r *Results) HasCurves() bool { return r.Curves }

// ResponseNames lists the responses.
func (r *Results) ResponseNames() []string { return r.Responses }

// DeclaredFiles implements pipeline.FileReader.
func (r *Results) DeclaredFiles() []pipeline.Files {
	return pipeline.FilesOf(append(r.patterns(), r.companionPatterns()...), r.Exclude...)
}

// patterns are the sources, and the hidden folders in which Hydra describes the
// runs below them.
func (r *Results) patterns() []string {
	out := slices.Clone(r.Source)
	if r.Format != "" && r.Format != autoFormat && r.Format != "hydra" {
		return out
	}
	for _, s := range r.Source {
		if !pipeline.IsRemote(s) && !tableSuffix(s) {
			out = append(out, path.Join(s, "**/.hydra/*.yaml"))
		}
	}
	return out
}

// Remotes implements pipeline.RemoteReader.
func (r *Results) Remotes() []string { return remotes(r.Source) }

// Resolve orders the responses, so that their order in the file does not reach
// the key. It leaves out an outcome column that is another column.
func (r *Results) Resolve() {
	slices.Sort(r.Responses)
	for _, name := range slices.Concat(r.FactorNames(), r.Responses) {
		if r.Outcome == outcomeColumn && r.called(name) == outcomeColumn {
			r.Outcome = ""
		}
	}
}

// Validate implements pipeline.Stage.
func (r *Results) Validate() diag.List {
	list := checkSources(r.Source, r.Exclude)
	wrong := func(name, detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{name}, "Unusable columns", detail, args...)...)
	}
	switch {
	case len(r.Factors) == 0:
		wrong("factors", "factors is empty. Name at least one column to compare by.")
	case slices.Contains(r.Factors, ""):
		wrong("factors", "A factor has no name. Give each the name of a column.")
		return list
	}
	switch {
	case len(r.Responses) == 0:
		wrong("responses", "responses is empty. Name at least one column to compare.")
	case slices.Contains(r.Responses, ""):
		wrong("responses", "A response has no name. Give each the name of a column.")
		return list
	}
	seen := make(map[string]bool)
	for _, name := range slices.Concat(r.FactorNames(), r.Responses) {
		if seen[name] {
			wrong("factors", "%q is named twice among factors, replicate and responses.", name)
		}
		seen[name] = true
	}
	if r.Format != "" && !slices.Contains(formatNames(), r.Format) {
		list = append(list, diag.Errorf(diag.Path{"format"}, "Unknown format", "%q is no format: the formats are %s.", r.Format, strings.Join(formatNames(), ", "))...)
	}
	reads := make(map[string]string)
	for _, name := range slices.Concat(r.FactorNames(), r.Responses) {
		if other, twice := reads[r.called(name)]; twice && other != name {
			wrong("columns", "%q and %q both read the column %q. Give each a column of its own.", other, name, r.called(name))
		}
		reads[r.called(name)] = name
	}
	for _, name := range sortedKeys(r.Columns) {
		if !seen[name] {
			wrong("columns", "columns renames %q, which is not a factor, the replicate or a response.", name)
		}
	}
	return list
}

// Describe implements pipeline.Stage.
func (r *Results) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	found, err := r.find(in.Sources)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	subjects := map[string]behaviour.Subject{ownCode: resultsSubject()}
	if found.format != nil {
		subjects[readerCode] = readerSubject(found.format.name)
	}
	host, err := code(in, subjects)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	outputs := []pipeline.Output{{Name: record.Trials, MediaType: record.TrialsType}}
	if r.Curves {
		outputs = append(outputs, pipeline.Output{Name: record.Curves, MediaType: record.TrialsType})
	}
	return pipeline.Recipe{
		Code:    host,
		Inputs:  found.value(),
		Notes:   found.names(in.Study.Dir),
		Outputs: outputs,
	}, nil
}

// called is the name of a column in the files.
func (r *Results) called(name string) string {
	if c := r.Columns[name]; c != "" {
		return c
	}
	return name
}

// Run implements pipeline.Stage. Rows are written while they are read: a table
// may be larger than memory.
func (r *Results) Run(ctx context.Context, env *pipeline.Env) error {
	found, err := r.find(env.Inputs.Sources)
	if err != nil {
		return err
	}
	numbered, err := r.numbered(env.Inputs.Sources, found)
	if err != nil {
		return err
	}
	w, err := env.Create(record.Trials)
	if err != nil {
		return err
	}
	write, err := record.WriteTable(w, record.Table{Factors: r.Factors, Replicate: r.Replicate, Numbered: numbered, Responses: r.Responses})
	if err != nil {
		return err
	}
	rows := newRunReader(r, numbered, write)
	var curves io.WriteCloser
	if r.Curves {
		if curves, err = env.Create(record.Curves); err != nil {
			return err
		}
		rows.curvesTo = curves
	}
	if err := r.readAll(ctx, env.Inputs.Sources, found, rows); err != nil {
		return err
	}
	if err := rows.finish(env.Warn); err != nil {
		return err
	}
	if curves != nil {
		if err := curves.Close(); err != nil {
			return err
		}
	}
	return w.Close()
}

// readAll reads the runs of all folders, tables and databases.
func (r *Results) readAll(ctx context.Context, sources pipeline.Sources, found foundRuns, rows *runReader) error {
	if found.format != nil {
		if err := r.checkStep(true); err != nil {
			return err
		}
	}
	for _, run := range found.runs {
		if err := readFolder(ctx, sources, found.format, run, rows); err != nil {
			return err
		}
	}
	for _, f := range found.tables {
		database, err := isDatabase(sources, f)
		if err == nil {
			err = r.checkStep(database)
		}
		switch {
		case err != nil:
		case database:
			err = r.readDatabase(ctx, sources, f, found.beside, rows)
		default:
			err = r.readFile(ctx, sources, f, rows)
		}
		if err != nil {
			return err
		}
	}
	return rows.histories.finish()
}

// checkStep refuses curves of rows that are runs, and a column of steps where the
// runs record them.
func (r *Results) checkStep(recorded bool) error {
	switch {
	case recorded && r.Step != "":
		return diag.Errorf(diag.Path{"step"}, "Not a table", "step names a column of tables, and source holds runs that record their steps. Remove step.").Err()
	case !recorded && r.Curves && r.Step == "":
		return diag.Errorf(diag.Path{"curves"}, "No steps", "Each row of a table is a run, which has no steps. Name the column of steps in step, or remove curves.").Err()
	}
	return nil
}

// readFile reads the runs of one file.
func (r *Results) readFile(ctx context.Context, sources pipeline.Sources, f source, rows *runReader) error {
	in, err := sources.Open(f.path)
	if err != nil {
		return unreadable(f, err)
	}
	defer in.Close()
	wanted, add := rows.wanted, func(place string, row tableRow) error { return rows.add(place, row, nil) }
	if r.Step != "" {
		wanted, add = rows.histories.wanted(), rows.histories.add
	}
	err = scanTable(in, wanted, func(row tableRow) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		return add(fmt.Sprintf("%s:%d", filepath.Base(f.path), row.number), row)
	})
	if err != nil {
		return notTable(f, err)
	}
	return drain(in, f)
}

// notTable is the diagnostic for a file that cannot be read as a table.
func notTable(f source, err error) error {
	if _, ok := diag.From(err); ok {
		return err
	}
	return diag.Errorf(diag.Path{"source"}, "Unreadable table", "%s: %v.", f.path, reason(err)).Err()
}

// numbered reports whether the files number replicates. A column that the first
// row lacks is not misspelt if every other column of the file is asked for: the
// table has no such column, and its rows are unpaired.
func (r *Results) numbered(sources pipeline.Sources, found foundRuns) (bool, error) {
	if r.Replicate == "" || found.format != nil {
		return r.Replicate != "", nil
	}
	var asked []string
	for _, name := range slices.Concat(r.Factors, r.Responses) {
		asked = append(asked, r.called(name))
	}
	asked = append(append(asked, r.Outcome, r.Step), sortedKeys(r.Where)...)
	if r.Step != "" {
		asked = append(asked, nameColumn, valueColumn)
	}
	for _, f := range found.tables {
		if database, err := isDatabase(sources, f); database || err != nil {
			return true, err
		}
		columns, err := columnsOf(sources, f, append(asked, r.called(r.Replicate)))
		if err != nil {
			return false, err
		}
		for _, c := range columns {
			if c == r.called(r.Replicate) || !slices.Contains(asked, c) {
				return true, nil
			}
		}
	}
	return false, nil
}

// columnsOf lists the columns of a file's first row.
func columnsOf(sources pipeline.Sources, f source, wanted []string) (columns []string, err error) {
	in, err := sources.Open(f.path)
	if err != nil {
		return nil, unreadable(f, err)
	}
	defer in.Close()
	err = scanTable(in, wanted, func(row tableRow) error {
		columns = row.columns()
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, notTable(f, err)
	}
	return columns, nil
}

// errEnough ends the reading of a table.
var errEnough = errors.New("the rest is not needed")
