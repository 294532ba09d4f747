package analysis

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/program"
	"ablate/stages/record"

	"ablate/stages/answer/numeral"
)

// Command is analysis "command": a program of the user's own over the trials.
type Command struct {
	Trials      []addr.Instance   `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all its trials. Or a table of finished runs, data \"results\"."`
	Command     []string          `hcl:"command" doc:"The program and its arguments. It runs in an empty folder that holds trials.csv, metrics.csv and the declared files; what it prints is the table of the analysis."`
	Files       []string          `hcl:"files,optional" key:"-" doc:"The program's files, one by one, copied into that folder under their paths. Their contents are part of the key, those of Python programs without comments, blank lines and spacing. Files that are not declared are missing from the folder."`
	Raw         bool              `hcl:"raw,optional" key:"-" doc:"Python programs among files (.py) enter the key by their bytes, so that a comment counts as a change. Without it they enter by their tokens: comments, blank lines and spacing do not count."`
	Environment map[string]string `hcl:"environment,optional" doc:"Variables of its environment, in addition to PATH, HOME and a few others."`
	Outputs     []string          `hcl:"outputs,optional" doc:"Files that it leaves in the folder and that are kept. Reports show images."`
}

// Names that every command analysis makes by itself.
var commandReserved = []string{"html", "markdown", "table"}

// Resolve orders the outputs, so that their order in the file does not reach the
// key.
func (c *Command) Resolve() { program.SortSets(c.Outputs) }

// Validate implements pipeline.Stage.
func (c *Command) Validate() diag.List {
	var list diag.List
	if len(c.Command) == 0 || c.Command[0] == "" {
		list = append(list, diag.Errorf(diag.Path{"command"}, "Nothing to run", "command names no program. List the program and its arguments.")...)
	}
	list = append(list, program.ValidateArgv("command", c.Command)...)
	for _, name := range sortedKeys(c.Environment) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(c.Environment[name], 0) {
			list = append(list, diag.Errorf(diag.Path{"environment"}, "Invalid variable", "%q cannot be a variable of an environment: a name is not empty and has no equals sign, and neither it nor its value has a NUL character.", name)...)
		}
	}
	for _, name := range c.Files {
		if !filepath.IsLocal(name) {
			list = append(list, diag.Errorf(diag.Path{"files"}, "Outside of the study", "%q is not inside the study's folder. Copy the file there.", name)...)
		}
	}
	list = append(list, program.ReservedByAnalysis(c.Outputs).Check(c.Files)...)
	return append(list, program.ValidateOutputs(c.Outputs, commandReserved...)...)
}

// Describe implements pipeline.Stage.
func (c *Command) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if err := checkSources(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	files, err := c.expand(in.Sources)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	contents := make(map[string]cache.Value, len(files))
	for i, path := range files {
		d, err := program.ContentDigest(in, path, c.Files[i], c.Raw)
		if err != nil {
			return pipeline.Recipe{}, unreadableFile(c.Files[i], err)
		}
		contents[c.Files[i]] = cache.DigestValue(d)
	}
	recipe := pipeline.Recipe{
		Inputs: cache.Map(map[string]cache.Value{"table": trialInputs(trials), "files": cache.Map(contents)}),
		Outputs: []pipeline.Output{
			{Name: "html", MediaType: "text/html"}, {Name: "markdown", MediaType: "text/markdown"}, {Name: "table", MediaType: "text/plain"},
		},
		Warnings: func() diag.List {
			s := program.Spec{Argv: c.Command, Files: c.Files, Raw: c.Raw}
			return append(s.ArgumentWarnings(in, "command", c.Command), s.FileWarnings(in)...)
		},
	}
	for _, name := range c.Outputs {
		recipe.Outputs = append(recipe.Outputs, pipeline.Output{Name: name, MediaType: program.MediaType(name)})
	}
	return recipe, nil
}

// Lacks implements pipeline.Requirer.
func (c *Command) Lacks() string { return program.Lacks(c.Command) }

// DeclaredFiles implements pipeline.FileReader.
func (c *Command) DeclaredFiles() []pipeline.Files { return pipeline.FilesOf(c.Files) }

// expand says where the declared files are, each of which must be there.
func (c *Command) expand(sources pipeline.Sources) ([]string, error) {
	var out []string
	for _, name := range c.Files {
		found, err := sources.Expand(name)
		if err != nil {
			return nil, unreadableFile(name, err)
		}
		if len(found) != 1 || filepath.Base(found[0]) != filepath.Base(name) {
			return nil, diag.Errorf(diag.Path{"files"}, "No such file", "%s is not a file in the study's folder. List files one by one, without patterns.", name).Err()
		}
		out = append(out, found[0])
	}
	return out, nil
}

func unreadableFile(name string, err error) error {
	return diag.Errorf(diag.Path{"files"}, "Unreadable file", "%s: %v.", name, err).Err()
}

// commandTables are the trials with the last value of each metric and their outcome,
// and all that they logged, a value a row. Both begin with the trial's number and its levels.
func commandTables(env *pipeline.Env) (trials, metrics [][]string, err error) {
	inputs := env.Inputs.Refs["trials"]
	if _, ok := asResults(inputs); ok {
		trials, err = resultsTable(env, inputs[0])
		return trials, [][]string{{"trial", "step", "metric", "value"}}, err
	}
	var factors []string
	for _, in := range inputs {
		for _, f := range in.Factors {
			if !slices.Contains(factors, f.Name) {
				factors = append(factors, f.Name)
			}
		}
	}
	last := make([]map[string]string, len(inputs))
	outcomes := make([]record.Outcome, len(inputs))
	names := make(map[string]bool)
	ids := make([][]string, len(inputs))
	metrics = [][]string{slices.Concat([]string{"trial"}, factors, []string{"step", "metric", "value"})}
	for i, in := range inputs {
		ids[i] = []string{strconv.Itoa(i + 1)}
		for _, f := range factors {
			level := "" // not the label, which several levels can have
			if x := addr.FactorNamed(in.Factors, f); x != nil {
				level = x.Level.Plain()
			}
			ids[i] = append(ids[i], level)
		}
		rows, err := allMetrics(env, in.Digest(record.Metrics))
		if err != nil {
			return nil, nil, fmt.Errorf("reading the metrics of %s: %w", in.Address, err)
		}
		last[i], outcomes[i] = make(map[string]string), record.OutcomeOf(rows)
		for _, x := range rows {
			last[i][x.Name], names[x.Name] = numeral.Exact(&x.Value), true
			metrics = append(metrics, append(slices.Clone(ids[i]), strconv.Itoa(x.Step), x.Name, numeral.Exact(&x.Value)))
		}
	}
	delete(names, record.Diverged)
	columns := sortedKeys(names)
	trials = [][]string{slices.Concat([]string{"trial"}, factors, columns, []string{"outcome"})}
	record.UniqueColumns(trials[0], 1, 1+len(factors))
	record.UniqueColumns(metrics[0], 1, 1+len(factors))
	for i := range inputs {
		line := ids[i]
		for _, name := range columns {
			line = append(line, last[i][name])
		}
		trials = append(trials, append(line, string(outcomes[i])))
	}
	return trials, metrics, nil
}

func allMetrics(env *pipeline.Env, d cache.Digest) ([]record.Row, error) {
	r, err := env.Open(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return record.ReadAll(r)
}

// resultsTable is a table of finished runs: their number, levels, responses and
// outcome.
func resultsTable(env *pipeline.Env, in pipeline.Input) ([][]string, error) {
	table, runs, f, err := openResults(env, in)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := append([]string{"trial"}, table.Factors...)
	if table.Numbered {
		head = append(head, table.Replicate)
	}
	out := [][]string{slices.Concat(head, table.Responses, []string{"outcome"})}
	record.UniqueColumns(out[0], 1, 1+len(table.Factors))
	for run, err := range runs {
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", in.Address, err)
		}
		line := append([]string{strconv.Itoa(len(out))}, run.Levels...)
		if table.Numbered {
			line = append(line, run.Replicate)
		}
		for _, name := range table.Responses {
			text := ""
			if v, ok := run.Values[name]; ok {
				text = numeral.Exact(&v)
			}
			line = append(line, text)
		}
		out = append(out, append(line, string(run.Outcome)))
	}
	return out, nil
}
