package norm

import (
	"context"

	"github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// None is norm "none": y = x.
type None struct{}

// Params implements Norm.
func (*None) Params(string, Site, int) []ml.Param { return nil }

// Apply implements Norm.
func (*None) Apply(x *graph.Node, prefix string, vars ml.Vars) *graph.Node {
	vars.Tap(prefix+Input, x)
	return x
}

// Validate implements pipeline.Stage.
func (*None) Validate() diag.List { return nil }

// Describe implements pipeline.Stage.
func (n *None) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(n, in, "none") }

// Run implements pipeline.Stage.
func (n *None) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
