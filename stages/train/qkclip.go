package train

import (
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// clipScores bounds the scores of attention in the new values of parameters, if the
// optimizer does that. seen has the largest scores of the micro-batches.
func (r *recipe) clipScores(trained []ml.Param, values []*Node, seen taps) {
	limit := optimizer.ScoreLimit(r.optimizer)
	m, ok := r.model.(model.Attending)
	if limit == 0 || !ok {
		return
	}
	for i, p := range trained {
		rows, ok := m.QueryKeyRows(p.Path)
		if !ok {
			continue
		}
		top_H := seen[rows.Scores][0]
		for _, next := range seen[rows.Scores][1:] {
			top_H = Max(top_H, next)
		}
		values[i] = optimizer.ClipQueryKey(values[i], top_H, rows.KeyHeads, rows.Parts, rows.Others, limit)
	}
}

// checkClip compares an optimizer that bounds scores with the model and its norms.
func checkClip(in pipeline.Inputs, traits model.Traits) diag.List {
	one := in.One("optimizer")
	o, ok := one.Stage.(optimizer.Optimizer)
	if !ok || optimizer.ScoreLimit(o) == 0 {
		return nil
	}
	path := diag.Path{"optimizer"}
	if traits.CuDNN {
		return diag.Errorf(path, "Scores not available", "%s has qk_clip, which needs the scores of attention, and cuDNN does not show them. "+
			"Give the model attention = \"flash\" or \"plain\", or set qk_clip = 0.", one.Address)
	}
	at, ok := normAt(in, norm.QK)
	if _, none := at.Stage.(*norm.None); ok && !none {
		return diag.Warningf(path, "Scores not bounded", "%s shrinks the weights of queries and keys, and %s stands between them and the scores, "+
			"which therefore do not shrink as they should. Use qk_clip or a norm at the site qk.", one.Address, at.Address)
	}
	return nil
}
