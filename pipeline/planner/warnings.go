package planner

import (
	"fmt"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// twins warns of trials that share a key: they are one result under several
// names, and an analysis must not count them as independent. Of a stage's, one
// pair is named.
func (p *Plan) twins() diag.List {
	type pair struct {
		one, other *Task
		more       int
	}
	first := make(map[cache.Key]*Task, len(p.Tasks))
	of := make(map[addr.Stage]*pair)
	var pairs []*pair
	for _, s := range p.Tasks {
		if s.Key.IsZero() || s.node.Instance.Factors == nil {
			continue
		}
		one, seen := first[s.Key]
		switch stage := s.Address.Stage; {
		case !seen:
			first[s.Key] = s
		case of[stage] != nil:
			of[stage].more++
		default:
			of[stage] = &pair{one: one, other: s}
			pairs = append(pairs, of[stage])
		}
	}
	var list diag.List
	for _, w := range pairs {
		detail := fmt.Sprintf("%s and %s have the same key: nothing that counts differs between them. ", w.one.Address, w.other.Address)
		if w.more > 0 {
			detail += fmt.Sprintf("So it is with %d more of the stage. ", w.more)
		}
		at := w.other.node.Instance.Range
		list = append(list, diag.Diagnostic{
			Severity: diag.Warning, Range: &at, Address: w.other.Address.String(), Summary: "Two trials are one",
			Detail: detail + "They share one result, and an analysis counts it once. Exclude one of them, or let a level change something.",
		})
	}
	return list
}

// mixedClasses warns when cached trials of one stage were computed by machines
// or toolchains that may differ in the last bits.
func (p *Plan) mixedClasses() diag.List {
	type group struct {
		class string
		mixed bool
	}
	groups := make(map[string]*group)
	var list diag.List
	for _, s := range p.Tasks {
		class := s.Entry.Class
		if s.Status != Hit || class == "" {
			continue
		}
		stage := s.Address.Stage.String()
		g := groups[stage]
		if g == nil {
			groups[stage] = &group{class: class}
			continue
		}
		if g.mixed || g.class == class {
			continue
		}
		g.mixed = true
		at := s.node.Instance.Range
		list = append(list, diag.Diagnostic{
			Severity: diag.Warning, Range: &at,
			Summary: "Mixed numerics classes",
			Detail: fmt.Sprintf("Cached trials of %s come from different numerics classes, for example %q and %q. "+
				"Their bits may differ beyond the seed; set numerics = \"strict\" in the study block to keep classes apart.",
				stage, g.class, class),
		})
	}
	return list
}
