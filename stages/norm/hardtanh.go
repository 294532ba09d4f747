package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// HardTanh is norm "hardtanh": y = γ min(1, max(−1, α x)) + β, with what DyT
// takes.
type HardTanh DyT

func (n *HardTanh) bounded() bounded { return (*DyT)(n).bounded() }

// Params implements Norm.
func (n *HardTanh) Params(prefix string, site Site, width int) []ml.Param {
	return n.bounded().params(prefix, site, width)
}

// Apply implements Norm.
func (n *HardTanh) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	return n.bounded().apply(x, prefix, vars, func(u *Node) *Node {
		vars.Tap(prefix+Argument, u)
		return ClipScalar(u, -1, 1)
	})
}

// Refresh implements Running.
func (n *HardTanh) Refresh(path string, vars ml.Vars, seen []*Node) *Node {
	return n.EMABlend.refresh(vars.At(path), seen)
}

// Threshold implements Saturating: where the clipped line reaches 0.99.
func (n *HardTanh) Threshold() float64 { return 0.99 }

// Validate implements pipeline.Stage.
func (n *HardTanh) Validate() diag.List { return n.bounded().validate() }

// Describe implements pipeline.Stage.
func (n *HardTanh) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "hardtanh")
}

// Run implements pipeline.Stage.
func (n *HardTanh) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
