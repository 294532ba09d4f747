package planner

import (
	"slices"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/graph"
)

// inputs collects what a task refers to. waits lists the addresses whose content
// is not known yet; invalid means that one of them cannot be described.
func (p *Planner) inputs(plan *Plan, t *Task) (in pipeline.Inputs, waits []addr.Instance, invalid bool) {
	n := t.node
	in = p.surroundings(t)
	if len(n.Needs) > 0 {
		in.Refs = make(map[string][]pipeline.Input, len(n.Needs))
	}
	for _, need := range n.Needs {
		missing, bad := plan.missing(need)
		invalid = invalid || bad
		if p.mayBeMissing(plan, n, need) && len(missing) < len(need.On) {
			in.Absent = missing
		} else {
			waits = append(waits, missing...)
		}
		if !invalid && len(waits) == 0 {
			in.Refs[need.Attr] = plan.refs(need, len(need.On)-len(missing))
		}
	}
	return in, waits, invalid
}

// surroundings are the inputs of a task without what it refers to.
func (p *Planner) surroundings(t *Task) pipeline.Inputs {
	in := pipeline.Inputs{
		Study:   pipeline.StudyInfo{Name: p.Graph.Study.Name, Seed: p.Graph.Study.Seed, Dir: p.Graph.Study.Dir},
		Sources: p.Sources,
		Memo:    p.Memo,
		Class:   p.numericsClass(t.node),
		Shared:  &p.shared,
	}
	if len(p.Frozen) > 0 {
		if f, ok := p.Frozen[t.Address.String()]; ok {
			in.Frozen = &f
		}
	}
	return in
}

// missing lists the referenced instances whose content is not known; invalid
// means that one of them cannot be described.
func (p *Plan) missing(need graph.Need) (missing []addr.Instance, invalid bool) {
	for _, dep := range need.On {
		d := p.of[dep.Index]
		invalid = invalid || d.invalid
		if !d.known() {
			missing = append(missing, d.Address)
		}
	}
	return missing, invalid
}

// refs returns the known instances of an attribute. A lone reference is shared by
// all of its users: a matrix of ten thousand trials has one copy.
func (p *Plan) refs(need graph.Need, known int) []pipeline.Input {
	if one := p.of[need.On[0].Index]; len(need.On) == 1 && one.self != nil {
		return one.self
	}
	refs := make([]pipeline.Input, 0, known)
	for _, dep := range need.On {
		if d := p.of[dep.Index]; d.known() {
			refs = append(refs, d.input())
		}
	}
	return refs
}

// mayBeMissing reports whether a stage may be planned without the members of an
// attribute whose content is not known.
func (p *Planner) mayBeMissing(plan *Plan, n *graph.Node, need graph.Need) bool {
	if !p.Partial || n.Kind.Partial != need.Attr {
		return false
	}
	return !slices.ContainsFunc(need.On, func(dep *graph.Node) bool {
		d := plan.of[dep.Index]
		return d.Role == pipeline.Analysis && !d.known() && !p.Without[d.Address]
	})
}

// known reports whether consumers of the task can compute their keys.
func (t *Task) known() bool { return t.Role == pipeline.Definition || t.content }

// input returns the task as its consumers see it. Consumers of a definition do not
// wait for it, so they see no artifacts, which another worker may be publishing
// right now.
func (t *Task) input() pipeline.Input {
	inst := t.node.Instance
	in := pipeline.Input{Address: t.Address, Label: inst.Label, Factors: inst.Factors, Stage: t.node.Stage}
	if t.Role != pipeline.Definition {
		in.Key, in.Artifacts = t.Key, t.entry.Artifacts
		return in
	}
	if t.action != nil {
		in.Ref, in.Code = t.action.AsDefinition()
	}
	return in
}
