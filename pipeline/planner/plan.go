package planner

import (
	"slices"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/graph"
)

// Plan is what a run would do, instance by instance, in dependency order.
type Plan struct {
	Tasks    []*Task
	Warnings diag.List

	planner *Planner
	of      []*Task    // by graph.Node.Index; nil for a node that was not selected
	keys    *keyOwners // shared with restrictions of the plan
}

// Count returns how many tasks have a status.
func (p *Plan) Count(s Status) int { return p.count(func(t *Task) bool { return t.Status == s }) }

// CountTrials returns how many trials have one of the statuses.
func (p *Plan) CountTrials(of ...Status) int {
	return p.count(func(t *Task) bool { return t.Role == pipeline.Trial && slices.Contains(of, t.Status) })
}

func (p *Plan) count(which func(*Task) bool) int {
	n := 0
	for _, t := range p.Tasks {
		if which(t) {
			n++
		}
	}
	return n
}

// Clean reports whether a run would have nothing to do.
func (p *Plan) Clean() bool { return p.Count(Hit) == len(p.Tasks) }

// Task returns the task at an address, or nil. A plan that Only made also knows the tasks
// that it leaves out.
func (p *Plan) Task(a addr.Instance) *Task {
	if n := p.planner.Graph.Node(a); n != nil {
		return p.of[n.Index]
	}
	return nil
}

// Only returns the plan without the tasks that are neither cached nor accepted,
// and without those that would wait for them.
func (p *Plan) Only(accept func(*Task) bool) *Plan {
	only := &Plan{Warnings: p.Warnings, planner: p.planner, of: p.of, keys: p.keys}
	kept := make(map[*graph.Node]bool)
	for _, t := range p.Tasks {
		if t.Status == Hit || accept(t) && (t.Status != Pending || p.waitsOnlyFor(t, kept)) {
			only.Tasks = append(only.Tasks, t)
			kept[t.node] = true
		}
	}
	return only
}

// waitsOnlyFor reports whether everything that a pending task waits for is in a
// set.
func (p *Plan) waitsOnlyFor(t *Task, set map[*graph.Node]bool) bool {
	for dep := range t.node.Deps() {
		if !p.of[dep.Index].known() && !set[dep] {
			return false
		}
	}
	return true
}

// Needs lists the tasks that a task depends on, directly or not, in the plan's
// order.
func (p *Plan) Needs(t *Task) []*Task {
	set := make(map[*graph.Node]bool)
	addDeps(set, t.node)
	var out []*Task
	for _, d := range p.Tasks {
		if set[d.node] {
			out = append(out, d)
		}
	}
	return out
}
