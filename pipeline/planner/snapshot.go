package planner

import (
	"strings"

	"ablate/cache"
	"ablate/pipeline/action"
)

// SavedStep is a step of a plan that was written down, to be carried out as it
// is or not at all.
type SavedTask struct {
	Address string     `json:"address"`
	Status  Status     `json:"action"`
	Key     *cache.Key `json:"key"` // null while pending
	// What the key is the hash of; of a pending step, its spec alone. Hits are
	// left out: their ingredients are in the store.
	Ingredients *cache.Value `json:"ingredients,omitempty"`
}

// Save writes down what was planned.
func (p *Plan) Save() []SavedTask {
	out := make([]SavedTask, len(p.Tasks))
	for i, s := range p.Tasks {
		out[i] = SavedTask{Address: s.Address.String(), Status: s.Status}
		if !s.Key.IsZero() {
			key := s.Key
			out[i].Key = &key
		}
		if s.Status != Hit {
			what := s.described()
			out[i].Ingredients = &what
		}
	}
	return out
}

// described is all that is known of what the step rests on.
func (s *Task) described() cache.Value {
	if what, _, err := s.Describe(); err == nil && !what.IsZero() {
		return what
	}
	return cache.Map(map[string]cache.Value{"spec": s.node.Kind.Ref(s.node.Stage).Spec})
}

// Moved is one instance that is no longer what was saved.
type Moved struct {
	Address string
	What    string // the ingredients that differ, or what became of it
}

// Moved compares the plan with one that was saved. That something is cached by
// now is no difference.
func (p *Plan) Moved(saved []SavedTask) []Moved {
	was := make(map[string]SavedTask, len(saved))
	for _, s := range saved {
		was[s.Address] = s
	}
	var out []Moved
	for _, s := range p.Tasks {
		address := s.Address.String()
		old, ok := was[address]
		delete(was, address)
		if !ok {
			out = append(out, Moved{address, "it is new"})
		} else if what := s.moved(old); what != "" {
			out = append(out, Moved{address, what})
		}
	}
	for _, s := range saved {
		if _, left := was[s.Address]; left {
			out = append(out, Moved{s.Address, "it is gone"})
		}
	}
	return out
}

// moved names what differs from the saved step, "" for nothing.
func (s *Task) moved(old SavedTask) string {
	switch {
	case old.Key != nil && *old.Key == s.Key:
		return ""
	case old.Ingredients == nil || old.Key != nil && s.Key.IsZero():
		return "its key is another"
	}
	now := s.described()
	if old.Key == nil { // pending then: only its own spec was known
		now = cache.Map(map[string]cache.Value{"spec": s.node.Kind.Ref(s.node.Stage).Spec})
	}
	var fields []string
	for _, d := range cache.Diff(*old.Ingredients, now) {
		fields = append(fields, action.JoinPath(d.Path))
	}
	return strings.Join(fields, ", ")
}
