package planner

import (
	"fmt"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// duplicatePair is the first pair of trials of a stage that share a key.
type duplicatePair struct {
	one, other *Task
	more       int // further duplicates in the stage
}

// duplicateTrials marks trials that share a key with an earlier one, and warns of
// those in a matrix: they are one result under several names, and an analysis must not
// count them as independent. It names one pair per stage.
func (p *Plan) duplicateTrials() diag.List {
	known := make(identities, len(p.of))
	first := make(map[cache.Key]*Task, len(p.Tasks))
	of := make(map[addr.Stage]*duplicatePair)
	var pairs []*duplicatePair
	for _, t := range p.Tasks {
		if t.Role != pipeline.Trial {
			continue
		}
		id := known.of(t)
		one, seen := first[id]
		t.repeats = seen
		switch stage := t.Address.Stage; {
		case !seen || !one.isCell():
			first[id] = t
		case !t.isCell():
		case of[stage] != nil:
			of[stage].more++
		default:
			of[stage] = &duplicatePair{one: one, other: t}
			pairs = append(pairs, of[stage])
		}
	}
	var list diag.List
	for _, w := range pairs {
		list = append(list, w.warning())
	}
	return list
}

// identities are equal for tasks that are one computation. They are here by graph.Node.Index
// once they are known, since many tasks may wait for the same ones.
type identities []cache.Key

// of is the key of a task or, while that waits for inputs, a hash of the spec and of the
// identities of the inputs.
func (known identities) of(t *Task) cache.Key {
	if !t.Key.IsZero() {
		return t.Key
	}
	id := &known[t.node.Index]
	if !id.IsZero() {
		return *id
	}
	inputs := make(map[string]cache.Value, len(t.node.Needs))
	for _, need := range t.node.Needs {
		on := make([]cache.Value, len(need.On))
		for i, dep := range need.On {
			on[i] = cache.String(known.of(t.plan.of[dep.Index]).String())
		}
		inputs[need.Attr] = cache.List(on...)
	}
	kind := t.node.Kind
	*id = cache.List(cache.String(kind.Block), cache.String(kind.Type), kind.Spec(t.node.Stage), cache.Map(inputs)).Key("ablate pending action")
	return *id
}

func (w *duplicatePair) warning() diag.Diagnostic {
	detail := fmt.Sprintf("%s and %s have the same key: they differ in nothing that affects the result. ", w.one.Address, w.other.Address)
	switch {
	case w.more == 1:
		detail += "One more trial of this stage is also a duplicate. "
	case w.more > 1:
		detail += fmt.Sprintf("%d more trials of this stage are also duplicates. ", w.more)
	}
	at := w.other.node.Instance.Range
	return diag.Diagnostic{
		Severity: diag.Warning, Range: &at, Address: w.other.Address.String(), Summary: "Duplicate trials",
		Detail: detail + "They share one result, and an analysis counts it once. Exclude one of them, or let a level change an attribute.",
	}
}

// mixedClasses warns when cached trials of one stage come from machines or
// toolchains that may differ in the last bits.
func (p *Plan) mixedClasses() diag.List {
	type group struct {
		class string
		mixed bool
	}
	groups := make(map[addr.Stage]*group)
	var list diag.List
	for _, t := range p.Tasks {
		if t.Status != Hit || t.entry.Class == "" {
			continue
		}
		class := t.entry.Class
		stage := t.Address.Stage
		g := groups[stage]
		if g == nil {
			groups[stage] = &group{class: class}
			continue
		}
		if g.mixed || g.class == class {
			continue
		}
		g.mixed = true
		at := t.node.Instance.Range
		list = append(list, diag.Diagnostic{
			Severity: diag.Warning, Range: &at, Summary: "Mixed numerics classes",
			Detail: fmt.Sprintf("Cached trials of %s come from different numerics classes, for example %q and %q. "+
				"Their results may differ in the last bits. Set numerics = \"strict\" in the study block to keep classes apart.",
				stage, g.class, class),
		})
	}
	return list
}
