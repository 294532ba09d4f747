package train

import (
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/internal/express"
)

// lossNames are what the formula of a loss can read of each token.
var lossNames = []string{"cross_entropy", "log_z", "mean_logit"}

// FormulaNames implements spec.FormulaNamer.
func (t *LM) FormulaNames() []string { return lossNames }

// objective is what training minimizes of each token, [N]: the cross-entropy, or the
// study's own loss. Evaluations always take the cross-entropy, so that trials with
// different losses compare.
func (r *recipe) objective(logits_NV, targets_N *Node, trained bool) *Node {
	entropy := newCrossEntropy(logits_NV, targets_N)
	if r.formula.IsZero() || !trained {
		return entropy.loss_N
	}
	names := map[string]*Node{"cross_entropy": entropy.loss_N}
	if r.formula.Reads("log_z") {
		names["log_z"] = Add(entropy.logSum_N, Squeeze(entropy.top_N1, -1))
	}
	if r.formula.Reads("mean_logit") {
		names["mean_logit"] = ReduceMean(logits_NV, -1)
	}
	return r.formulaOf(logits_NV.Graph(), names)
}

// formulaOf computes the study's own loss of each token from what it reads.
func (r *recipe) formulaOf(g *Graph, names map[string]*Node) *Node {
	values := make(map[string]express.Value, len(names))
	for name, x_N := range names {
		values[name] = express.Tensor(formula.Row, x_N)
	}
	return express.One(g, values).Float32(r.formula)
}

// validateLoss checks the study's own loss.
func (t *LM) validateLoss() diag.List {
	if t.Loss.IsZero() {
		return nil
	}
	scope := formula.Scope{Place: "a loss", Names: make(map[string]formula.Type), Functions: formula.Elementwise, Computed: formula.Tensor}
	for _, name := range lossNames {
		scope.Names[name] = formula.Row
	}
	path := diag.Path{"loss"}
	kind, list := t.Loss.Check(path, scope)
	switch {
	case len(list) > 0:
		return list
	case kind.IsTruth:
		return diag.Errorf(path, "Wrong type", "loss must be a number for each token, and this is a truth value.")
	case len(t.Loss.Slopes()) == 0:
		return diag.Errorf(path, "No gradient", "The loss does not depend on the model, so that nothing would change. "+
			"It needs a gradient to cross_entropy, log_z or mean_logit.")
	}
	return t.validateLossStart(path)
}

// lossSample has values of tokens as they are before the first step: an untrained
// model with 256 tokens gives all about the same score, near 0.
var lossSample = map[string]formula.Grid{
	"cross_entropy": {Rows: 4, Columns: 1, Values: []float64{5.65, 5.55, 5.5, 5.4}},
	"log_z":         {Rows: 4, Columns: 1, Values: []float64{5.55, 5.56, 5.54, 5.53}},
	"mean_logit":    {Rows: 4, Columns: 1, Values: []float64{0.01, -0.02, 0.02, -0.01}},
}

// validateLossStart warns of a loss that is not finite before the first step, or that
// does not lead to a smaller cross-entropy.
func (t *LM) validateLossStart(path diag.Path) diag.List {
	e := t.Loss.Evaluate(lossSample, nil)
	if list := e.Problems(path, "Computed for the scores of an untrained model."); len(list) > 0 {
		return list
	}
	slope := 0.0
	ones := e.Result()
	gradients := e.Gradients(formula.NewGrid(ones.Rows, ones.Columns, func(int, int) float64 { return 1 }))
	for i, n := range t.Loss.Nodes {
		if n.Op == "name" && n.Name == "cross_entropy" {
			for _, g := range gradients[i].Values {
				slope += g
			}
		}
	}
	switch {
	case slope < 0:
		return diag.Warningf(path, "Loss rises", "The loss falls where cross_entropy rises, so that training makes the model worse. Change the sign.")
	case slope == 0:
		return diag.Warningf(path, "Loss without targets", "No gradient passes to cross_entropy at the start, and log_z and mean_logit do not depend on the token that is to be predicted. Add cross_entropy.")
	}
	return nil
}
