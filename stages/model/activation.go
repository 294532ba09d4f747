package model

import (
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/internal/express"
)

// activation computes a formula of what feeds a feed-forward layer's last matrix.
func activation(f formula.Formula, inputs map[string]*Node) *Node {
	var g *Graph
	names := make(map[string]express.Value, len(inputs))
	for name, n := range inputs {
		names[name], g = express.Tensor(formula.Element, n), n.Graph()
	}
	return express.One(g, names).Float32(f)
}

// checkActivation checks a model's activation, if the study sets one.
func checkActivation(f formula.Formula, names []string) diag.List {
	if f.IsZero() {
		return nil
	}
	scope := formula.Scope{Place: "an activation", Names: make(map[string]formula.Type), Computed: formula.Tensor,
		Functions: formula.Elementwise | formula.Across}
	for _, name := range names {
		scope.Names[name] = formula.Element
	}
	path := diag.Path{"activation"}
	t, list := f.Check(path, scope)
	if len(list) > 0 {
		return list
	}
	if t != formula.Element {
		return diag.Errorf(path, "Wrong shape", "activation must be a value for each element, as up is, and this is %s.", t)
	}
	slopes := f.Slopes()
	for _, name := range names {
		switch {
		case !f.Reads(name) && name == "up":
			return diag.Errorf(path, "No gradient", "activation does not read up, so that the matrix up would never change.")
		case f.Reads(name) && !slopes[name]:
			return diag.Errorf(path, "No gradient", "No gradient passes from activation to %s, so that its matrix would never change. "+
				"Comparisons, sign and stop_gradient pass none.", name)
		}
	}
	sample := make(map[string]formula.Grid, len(names))
	for i, name := range names {
		x := formula.Sample(sampleRows+i, sampleColumns)
		sample[name] = formula.NewGrid(sampleRows, sampleColumns, func(row, column int) float64 { return x.At(row+i, column) })
	}
	return f.Evaluate(sample, nil).Problems(path, "Computed for inputs with a standard normal distribution.")
}

// The sample at which an activation is computed before anything is trained.
const (
	sampleRows    = 3
	sampleColumns = 16
)
