package planner

import (
	"strings"

	"ablate/cache"
	"ablate/pipeline/action"
)

// SavedTask is a task of a saved plan, which is carried out unchanged or not at
// all.
type SavedTask struct {
	Address string     `json:"address"`
	Status  Status     `json:"action"`
	Key     *cache.Key `json:"key"` // null while pending
	// Ingredients is what the key is the hash of; of a pending task, its spec
	// alone. Hits leave it out: the store has it.
	Ingredients *cache.Value `json:"ingredients,omitempty"`
}

// Save returns the plan in the form in which it is saved.
func (p *Plan) Save() []SavedTask {
	out := make([]SavedTask, len(p.Tasks))
	for i, t := range p.Tasks {
		out[i] = SavedTask{Address: t.Address.String(), Status: t.Status}
		if !t.Key.IsZero() {
			key := t.Key
			out[i].Key = &key
		}
		if t.Status != Hit {
			known := t.knownIngredients()
			out[i].Ingredients = &known
		}
	}
	return out
}

// knownIngredients returns the ingredients; of a pending task, its spec alone.
func (t *Task) knownIngredients() cache.Value {
	if known, _, err := t.Describe(); err == nil && !known.IsZero() {
		return known
	}
	return t.specOnly()
}

func (t *Task) specOnly() cache.Value {
	return cache.Map(map[string]cache.Value{"spec": t.node.Kind.Spec(t.node.Stage)})
}

// Drift is one instance that changed after the plan was saved.
type Drift struct {
	Address string
	What    string // the ingredients that differ, or "added", "removed"
}

// Drift compares the plan with a saved one. A result that has been cached since is
// no difference.
func (p *Plan) Drift(saved []SavedTask) []Drift {
	was := make(map[string]SavedTask, len(saved))
	for _, s := range saved {
		was[s.Address] = s
	}
	var out []Drift
	for _, t := range p.Tasks {
		address := t.Address.String()
		old, ok := was[address]
		delete(was, address)
		if !ok {
			out = append(out, Drift{address, "added"})
		} else if what := t.changedFrom(old); what != "" {
			out = append(out, Drift{address, what})
		}
	}
	for _, s := range saved {
		if _, left := was[s.Address]; left {
			out = append(out, Drift{s.Address, "removed"})
		}
	}
	return out
}

// changedFrom names what differs from the saved task, "" for nothing.
func (t *Task) changedFrom(old SavedTask) string {
	switch {
	case old.Key != nil && *old.Key == t.Key:
		return ""
	case old.Ingredients == nil || old.Key != nil && t.Key.IsZero():
		return "its key changed"
	}
	now := t.knownIngredients()
	if old.Key == nil { // pending when saved: only its own spec was known
		now = t.specOnly()
	}
	var fields []string
	for _, d := range cache.Diff(*old.Ingredients, now) {
		fields = append(fields, action.JoinPath(d.Path))
	}
	return strings.Join(fields, ", ")
}
