package train

import (
	"context"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/program"
	"ablate/stages/record"
)

// Command is train "command": a trial in any language. It has the fields of
// program.Spec.
type Command struct {
	Argv        []string              `hcl:"argv" doc:"The program and its arguments. A name with a slash is a path in files; a bare name is looked up on the PATH."`
	Parameters  map[string]addr.Level `hcl:"parameters,optional" doc:"Numbers, strings and bools by name: matrix.width, or constants. The program reads them as a JSON object from the file that ABLATE_PARAMETERS names."`
	Files       []string              `hcl:"files,optional" key:"-" doc:"Files, folders and globs below the study's folder that the program needs. It sees them under the same paths, and nothing else; of folders and globs, what ablate or the program writes is left out. Paths and contents enter the key, those of Python programs without comments, blank lines and spacing. Files ending in .gz and .zst are decompressed and lose that ending."`
	Exclude     []string              `hcl:"exclude,optional" key:"-" doc:"Globs of files that a folder or glob in files leaves out. One without a slash matches a name at any depth, such as \"*.bak\"; another matches a path relative to the study's folder."`
	Environment []string              `hcl:"environment,optional" key:"-" doc:"Files that stand for installed software, for example \"uv.lock\". Their contents enter the key; the program does not see them."`
	Env         []string              `hcl:"env,optional" doc:"Names of variables of your environment that are passed to the program. Their values do not enter the key."`
	Inputs      []addr.Instance       `hcl:"inputs,optional" ref:"data" doc:"Data stages. Their artifacts are files in the folders 0, 1, … of the folder that ABLATE_INPUTS names."`
	Outputs     []string              `hcl:"outputs,optional" doc:"Files that the program makes in the folder that ABLATE_OUTPUTS names. Any other file there is an error."`
	Version     string                `hcl:"version,optional" doc:"Any text. Changing it runs the program again."`
	Raw         bool                  `hcl:"raw,optional" key:"-" doc:"Python programs among files (.py) enter the key by their bytes, so that a comment counts as a change. Without it they enter by their tokens: comments, blank lines and spacing do not count."`
	Flags       string                `hcl:"flags,optional" doc:"Passes parameters as arguments after argv, too: argparse as --name value (true as --name, false as nothing; a name that begins with a dash as it is), hydra as name=value."`
	Metrics     *program.Metrics      `hcl:"metrics,optional" doc:"Where a program that does not know ABLATE_METRICS writes its metrics."`
}

func (c *Command) spec() program.Spec { return program.Spec(*c) }

// Passes implements pipeline.EnvPassthrough.
func (c *Command) Passes() []string { return c.Env }

// DeclaredFiles implements pipeline.FileReader.
func (c *Command) DeclaredFiles() []pipeline.Files { return c.spec().DeclaredFiles() }

// Resolve orders what the program sees as a set, so that its order in the file
// does not reach the key.
func (c *Command) Resolve() { program.SortSets(c.Outputs, c.Env) }

// Validate implements pipeline.Stage.
func (c *Command) Validate() diag.List { return c.spec().Validate(record.Metrics) }

// Describe implements pipeline.Stage.
func (c *Command) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	what, err := c.spec().Ingredients(in)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	outputs := append(c.spec().Promises(), pipeline.Output{Name: record.Metrics, MediaType: record.MetricsType})
	for i := range outputs { // only the program can make it again, whatever its name
		outputs[i].Retention = cache.Keep
	}
	code, err := c.spec().Code(in)
	warnings := func() diag.List { return c.spec().Warnings(in) }
	return pipeline.Recipe{Inputs: what, Code: code, Outputs: outputs, Warnings: warnings}, err
}

// Mark implements pipeline.Resumable.
func (c *Command) Mark(in pipeline.Inputs) (cache.Key, error) { return c.spec().Mark(in) }

// Survey implements pipeline.Resumable.
func (c *Command) Survey(ctx context.Context, in pipeline.Inputs, states pipeline.States) (pipeline.Survey, error) {
	return c.spec().Survey(ctx, in, states)
}

// Run implements pipeline.Stage.
func (c *Command) Run(ctx context.Context, env *pipeline.Env) error {
	return c.spec().Run(ctx, env, record.Metrics)
}
