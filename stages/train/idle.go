package train

import (
	"slices"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// checkIdle warns of settings that never take effect in a trial: a warmup that outlasts
// it, and a learning rate of parameters that the model does not have or AdamW does not
// update.
func (t *LM) checkIdle(in pipeline.Inputs) (list diag.List) {
	warn := func(attribute, detail string, args ...any) {
		list = append(list, diag.Warningf(diag.Path{attribute}, "Setting without effect", detail, args...)...)
	}
	o := in.One("optimizer")
	if a, ok := o.Stage.(*optimizer.AdEMAMix); ok && a.Warmup > t.Steps {
		warn("optimizer", "The warmup of %s takes %d steps and the run %d, so α and β₃ never reach their values. Shorten the warmup, or train longer.", o.Address, a.Warmup, t.Steps)
	}
	rule, _ := o.Stage.(optimizer.Optimizer) // nil is reported where the reference is
	rated, others := optimizer.RatedRoles(rule)
	for _, role := range others {
		warn("optimizer", "%s has a learning rate of AdamW for the role %s, whose parameters another rule updates. Remove it from learning_rates.", o.Address, role)
	}
	isHead := func(p ml.Param) bool { return p.Role == ml.RoleHead }
	if slices.Contains(rated, ml.RoleHead) && !slices.ContainsFunc(paramsOf(in), isHead) {
		warn("optimizer", "%s has a learning rate for the head, and the head of %s is its embedding, which has the rate of embedding. Remove head, or set tied = false.", o.Address, in.One("model").Address)
	}
	for _, site := range sitesOf(in) {
		one, ok := normAt(in, site)
		if n, tapers := one.Stage.(*norm.TaperNorm); ok && tapers && n.Warmup >= t.Steps {
			warn(normAttribute, "The warmup of %s takes %d steps and the run %d, so it never tapers. Shorten the warmup, or train longer.", one.Address, n.Warmup, t.Steps)
			break
		}
	}
	return list
}
