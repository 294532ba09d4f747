package pipeline

import (
	"fmt"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// Action is what a run would do with an instance.
type Action string

// The actions of a plan.
const (
	Hit     Action = "hit"     // the store has it
	Pull    Action = "pull"    // a remote has it
	Resume  Action = "resume"  // a part of it is cached
	Run     Action = "run"     // it will be computed
	Pending Action = "pending" // its key depends on something that must run first
)

// Step is the plan for one instance.
type Step struct {
	Address addr.Instance
	Block   string
	Label   string
	Action  Action
	Reason  Reason
	Key     cache.Key   // zero while pending
	Entry   cache.Entry // of a hit
	Survey  Survey      // of a resume
	Absent  int         // inputs that a partial answer goes without

	node        *node
	recipe      Recipe
	ref         Ref
	ingredients cache.Value
	artifacts   map[string]cache.Artifact
	invalid     bool // its description failed, or that of something it needs
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

	swap bool // an input of another type
}

// Plan is what a run would do, instance by instance, in dependency order.
type Plan struct {
	Steps    []*Step
	Warnings diag.List

	byNode map[*node]*Step
}

// Count returns how many steps of a block have an action; an empty block
// counts all.
func (p *Plan) Count(block string, a Action) int {
	n := 0
	for _, s := range p.Steps {
		if s.Action == a && (block == "" || s.Block == block) {
			n++
		}
	}
	return n
}

// Clean reports whether a run would have nothing to do.
func (p *Plan) Clean() bool { return p.Count("", Hit) == len(p.Steps) }

// Step returns the step at an address, or nil.
func (p *Plan) Step(a addr.Instance) *Step {
	for _, s := range p.Steps {
		if s.Address == a {
			return s
		}
	}
	return nil
}

// Only is the plan without the steps that are not cached and not accepted, and
// without those that would wait for them.
func (p *Plan) Only(accept func(*Step) bool) *Plan {
	only := &Plan{Warnings: p.Warnings, byNode: p.byNode}
	kept := make(map[*node]bool)
	for _, s := range p.Steps {
		if s.Action == Hit || accept(s) && (s.Action != Pending || s.waitsOnly(p, kept)) {
			only.Steps = append(only.Steps, s)
			kept[s.node] = true
		}
	}
	return only
}

// waitsOnly reports whether all that a pending step waits for is in a set.
func (s *Step) waitsOnly(p *Plan, set map[*node]bool) bool {
	for _, attr := range s.node.attrs {
		for _, dep := range s.node.deps[attr] {
			if !p.byNode[dep].known() && !set[dep] {
				return false
			}
		}
	}
	return true
}

// Needs lists the steps that a step rests on, directly or not, in the plan's
// order.
func (p *Plan) Needs(s *Step) []*Step {
	set := make(map[*node]bool)
	var add func(n *node)
	add = func(n *node) {
		for _, attr := range n.attrs {
			for _, dep := range n.deps[attr] {
				if !set[dep] {
					set[dep] = true
					add(dep)
				}
			}
		}
	}
	add(s.node)
	var out []*Step
	for _, d := range p.Steps {
		if set[d.node] {
			out = append(out, d)
		}
	}
	return out
}

// Ingredients returns the description whose hash is the step's key. It is zero
// while the step is pending.
func (s *Step) Ingredients() cache.Value { return s.ingredients }

// Notes returns what is stored beside the ingredients but not hashed.
func (s *Step) Notes() cache.Value { return s.recipe.Notes }

// Cached says what to do when the step's result is asked for and not there.
func (s *Step) Cached() error {
	if s.Action == Hit {
		return nil
	}
	return fmt.Errorf("%s has no result yet: it %s; run the study first", s.Address, s.Reason.Text)
}

// Work returns how much there is to compute; ok is false where nobody counts.
func (s *Step) Work() (w Work, ok bool) {
	if s.recipe.Work == nil {
		return Work{}, false
	}
	return s.recipe.Work(), true
}

// Outputs lists the artifacts that the step promises. It is empty while the
// step is pending.
func (s *Step) Outputs() []Output { return s.recipe.Outputs }
