package optimizer

import (
	"slices"
	"strings"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/internal/ml"
)

var roles = []string{"matrix", "embedding", "head", "vector", "scalar", rest}

// Validate implements pipeline.Stage.
func (f *Formula) Validate() diag.List {
	var c checks
	c.that(f.LearningRate > 0, "learning_rate", "above 0", f.LearningRate)
	c.within("adamw", f.AdamW.Validate())
	if len(f.Rules) == 0 {
		c.list = append(c.list, diag.Errorf(nil, "No rule", "optimizer \"formula\" needs at least one rule block: rule \"matrix\" { … }.")...)
	}
	for i := range f.Rules {
		c.list = append(c.list, f.validateRule(&f.Rules[i])...)
	}
	return c.list
}

func (f *Formula) validateRule(r *Rule) diag.List {
	path := diag.Path{"rule", r.On}
	if !slices.Contains(roles, r.On) {
		return diag.Errorf(path, "Unknown rule", "A rule is for %s, not %q.", strings.Join(roles, ", "), r.On)
	}
	var list diag.List
	for _, s := range r.States {
		if !slices.Contains([]string{same, perRow, perColumn, squareLeft, squareRight}, s.Shape) {
			list = append(list, diag.Errorf(append(path, "state", s.Name, "shape"), "Out of range",
				"shape must be \"same\", \"rows\", \"columns\", \"left\" or \"right\", not %q.", s.Shape)...)
		}
	}
	if len(list) > 0 {
		return list
	}
	kinds := f.kindsOf(r)
	for _, kind := range kinds {
		if list := r.validate(path, kind); len(list) > 0 {
			if kinds[0] == formula.Element && kind != formula.Element {
				list[0].Detail += " Rule \"rest\" updates vectors and scalars, too: declare a rule \"matrix\" for what only matrices have."
			}
			return list // those of the other kinds would repeat it
		}
	}
	if list := r.validateUse(path); len(list) > 0 {
		return list
	}
	if len(kinds) == 0 {
		return diag.Warningf(path, "Unused rule", "Other rules cover all parameters, so that this rule updates none. Remove it.")
	}
	for _, kind := range kinds {
		if list := r.validateStart(path, kind, f.LearningRate); len(list) > 0 {
			return list
		}
	}
	return nil
}

// kindsOf are the types of the parameters that a rule may have.
func (f *Formula) kindsOf(r *Rule) []formula.Type {
	if r.On != rest {
		return []formula.Type{kindOf(ml.Role(r.On))}
	}
	var out []formula.Type
	for _, role := range roles[:len(roles)-1] {
		kind := kindOf(ml.Role(role))
		if own := f.rule(ml.Role(role)); own == r && !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}

// validate checks the formulas for parameters of one type.
func (r *Rule) validate(path diag.Path, kind formula.Type) diag.List {
	step := formula.Type{Level: formula.Step}
	scope := formula.Scope{Place: "an update rule", Functions: formula.Elementwise | formula.Matrices, Computed: formula.Step,
		Names: map[string]formula.Type{"value": kind, "gradient": kind, "learning_rate": step, "step": step, "rows": {}, "columns": {}}}
	for _, s := range r.States {
		scope.Names[s.Name] = stateKind(s.Shape, kind)
		scope.Names["next."+s.Name] = stateKind(s.Shape, kind)
	}
	var list diag.List
	for _, s := range r.States {
		list = append(list, has(s.Next, append(path[:len(path):len(path)], "state", s.Name, "next"), scope, "next", stateKind(s.Shape, kind))...)
	}
	list = append(list, has(r.Value, append(path[:len(path):len(path)], "value"), scope, "value", kind)...)
	if len(list) == 0 && r.order() == nil && len(r.States) > 0 {
		list = diag.Errorf(append(path[:len(path):len(path)], "state", r.States[0].Name, "next"), "Cycle",
			"The new values of these states refer to each other in a circle. Read an old value instead, without next.")
	}
	return list
}

// has checks a formula that must have a type.
func has(f formula.Formula, path diag.Path, scope formula.Scope, name string, want formula.Type) diag.List {
	t, list := f.Check(path, scope)
	if len(list) == 0 && (t.IsTruth || t.Down != want.Down || t.Along != want.Along) {
		return diag.Errorf(path, "Wrong shape", "%s must be %s here, and this is %s.", name, want, t)
	}
	return list
}

// validateUse checks that the gradient has an effect and that no state lacks one.
func (r *Rule) validateUse(path diag.Path) diag.List {
	reads := func(name string) bool {
		return slices.ContainsFunc(r.formulas(), func(f formula.Formula) bool { return f.Reads(name) })
	}
	if !reads("gradient") {
		return diag.Errorf(append(path[:len(path):len(path)], "value"), "No gradient", "The rule does not read gradient, so that nothing would be learnt.")
	}
	var list diag.List
	for _, s := range r.States {
		used := r.Value.Reads(s.Name) || r.Value.Reads("next."+s.Name)
		for _, other := range r.States {
			used = used || other.Name != s.Name && (other.Next.Reads(s.Name) || other.Next.Reads("next."+s.Name))
		}
		if !used {
			list = append(list, diag.Errorf(append(path[:len(path):len(path)], "state", s.Name), "Unused state",
				"Neither value nor another state reads %s or next.%s. Use it, or remove it.", s.Name, s.Name)...)
		}
	}
	return list
}

// order lists the states so that each comes after those whose new value it reads. It
// is nil where they read each other in a circle.
func (r *Rule) order() []int {
	var out []int
	for len(out) < len(r.States) {
		before := len(out)
		for i, s := range r.States {
			if slices.Contains(out, i) {
				continue
			}
			waits := false
			for j, other := range r.States {
				waits = waits || s.Next.Reads("next."+other.Name) && !slices.Contains(out, j)
			}
			if !waits {
				out = append(out, i)
			}
		}
		if len(out) == before {
			return nil
		}
	}
	return out
}
