// Package planner says what a run would do, and why: which results are cached, which
// a remote has, which must be computed. It changes nothing.
package planner

import (
	"fmt"
	"slices"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
)

// Action is what a run would do with an instance.
type Status string

// The actions of a plan.
const (
	Hit     Status = "hit"     // the store has it
	Pull    Status = "pull"    // a remote has it
	Resume  Status = "resume"  // a part of it is cached
	Run     Status = "run"     // it will be computed
	Same    Status = "same"    // an earlier task of the plan has its key, and is computed for both
	Pending Status = "pending" // its key depends on something that must run first
)

// Step is the plan for one instance.
type Task struct {
	Address addr.Instance
	Block   string
	Role    pipeline.Role
	Label   string
	Status  Status
	Reason  Reason
	Key     cache.Key       // zero while pending
	Entry   cache.Entry     // of a hit
	Survey  pipeline.Survey // of a resume
	Absent  int             // inputs that a partial answer goes without

	plan    *Plan
	node    *graph.Node
	twin    *Task            // the earlier task of the same key that this one waits for
	action  *action.Action   // nil while pending; forgotten of cells that are cached
	self    []pipeline.Input // what a lone reference to it gives
	content bool             // its artifacts are known
	invalid bool             // its description failed, or that of something it needs
}

// Reason says why a step has its action.
type Reason struct {
	Text    string
	Nearest cache.Key // of a run: the entry that the changes are measured from
	Changes []Change
}

// Change is one ingredient that differs from the nearest cached entry. Was and
// Now are texts for people; "" means absent.
type Change struct {
	Path string `json:"path"`
	Was  string `json:"was"`
	Now  string `json:"now"`
	Code bool   `json:"code,omitempty"` // a fingerprint of this program's computation
	Part string `json:"part,omitempty"` // of a fingerprint: the part that explains it
}

// Plan is what a run would do, instance by instance, in dependency order.
type Plan struct {
	Tasks    []*Task
	Warnings diag.List

	planner *Planner
	of      map[*graph.Node]*Task
	first   firsts
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

// Step returns the step at an address, or nil.
func (p *Plan) Task(a addr.Instance) *Task {
	for _, s := range p.Tasks {
		if s.Address == a {
			return s
		}
	}
	return nil
}

// Only is the plan without the steps that are not cached and not accepted, and
// without those that would wait for them.
func (p *Plan) Only(accept func(*Task) bool) *Plan {
	only := &Plan{Warnings: p.Warnings, planner: p.planner, of: p.of, first: p.first}
	kept := make(map[*graph.Node]bool)
	for _, s := range p.Tasks {
		if s.Status == Hit || accept(s) && (s.Status != Pending || s.waitsOnly(p, kept)) {
			only.Tasks = append(only.Tasks, s)
			kept[s.node] = true
		}
	}
	return only
}

// waitsOnly reports whether all that a pending step waits for is in a set.
func (s *Task) waitsOnly(p *Plan, set map[*graph.Node]bool) bool {
	for dep := range s.node.Deps() {
		if !p.of[dep].known() && !set[dep] {
			return false
		}
	}
	return true
}

// Needs lists the steps that a step rests on, directly or not, in the plan's
// order.
func (p *Plan) Needs(s *Task) []*Task {
	set := make(map[*graph.Node]bool)
	var add func(n *graph.Node)
	add = func(n *graph.Node) {
		for dep := range n.Deps() {
			if !set[dep] {
				set[dep] = true
				add(dep)
			}
		}
	}
	add(s.node)
	var out []*Task
	for _, d := range p.Tasks {
		if set[d.node] {
			out = append(out, d)
		}
	}
	return out
}

// Executor is the label of where the step runs; "" is this machine. What needs
// no process of its own runs in this one.
func (s *Task) Executor() string {
	if !s.node.Kind.Child || s.node.Instance.Runtime.Executor == study.LocalExecutor {
		return ""
	}
	return s.node.Instance.Runtime.Executor
}

// Describe returns the description whose hash is the task's key, and the notes
// that are stored beside it. Both are zero while the task is pending.
func (s *Task) Describe() (ingredients, notes cache.Value, err error) {
	a, err := s.Action()
	if err != nil || a == nil {
		return cache.Value{}, cache.Value{}, err
	}
	return a.Ingredients(), a.Notes(), nil
}

// Action is what the task is about; nil while it is pending. One that was
// forgotten is described again.
func (s *Task) Action() (*action.Action, error) {
	if s.action != nil || s.Key.IsZero() {
		return s.action, nil
	}
	in, _, _ := s.plan.planner.inputs(s.plan, s)
	a, err := s.plan.planner.describeNode(s.node, in)
	if err != nil {
		return nil, fmt.Errorf("describing %s again: %w", s.Address, err)
	}
	if a.Key() != s.Key {
		return nil, fmt.Errorf("the description of %s has changed since it was planned: plan again", s.Address)
	}
	s.action = a
	return a, nil
}

// Cached says what to do when the step's result is asked for and not there.
func (s *Task) Cached() error {
	if s.Status == Hit {
		return nil
	}
	return fmt.Errorf("%s has no result yet (%s): run the study first", s.Address, s.Reason.Text)
}

// Work returns how much there is to compute; ok is false where nobody counts,
// and of cached tasks that were not described again.
func (s *Task) Work() (w pipeline.Work, ok bool) {
	if s.action == nil {
		return pipeline.Work{}, false
	}
	return s.action.Work()
}

// Outputs lists the artifacts that the task promises. It is empty while the
// task is pending, and once it is cached.
func (s *Task) Outputs() []pipeline.Output {
	if s.action == nil {
		return nil
	}
	return s.action.Outputs()
}
