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

// Status is what a run would do with an instance.
type Status string

// The statuses of a plan.
const (
	Hit     Status = "hit"     // the store has it
	Pull    Status = "pull"    // a remote has it
	Resume  Status = "resume"  // a part of it is cached
	Run     Status = "run"     // it must be computed
	Same    Status = "same"    // an earlier task of the plan has its key, and is computed for both
	Pending Status = "pending" // its key depends on something that must be computed first
)

// Task is the plan for one instance.
type Task struct {
	Address addr.Instance
	Block   string
	Role    pipeline.Role
	Label   string
	Status  Status
	Reason  Reason
	Key     cache.Key       // zero while pending
	Survey  pipeline.Survey // of a resume
	Absent  int             // inputs that a partial answer lacks
	Lost    []string        // of a hit: documents that the store lost

	plan     *Plan
	node     *graph.Node
	entry    *cache.Entry      // nil unless a store has the result
	first    *Task             // the earlier task of the same key that this one waits for
	fuller   *Task             // a later task of the same key that promises more outputs
	action   *action.Action    // nil while pending; dropped for cells
	work     *pipeline.Work    // of an action that was dropped, if it is to be computed
	promised []pipeline.Output // by the action, also once that is dropped
	affinity pipeline.Affinity // of the action, also once that is dropped
	self     []pipeline.Input  // what a lone reference to it yields
	content  bool              // its artifacts are known
	repeats  bool              // an earlier trial of the plan has its key
	invalid  bool              // it, or something it depends on, cannot be described
}

// Reason says why a task has its status.
type Reason struct {
	Text    string
	Nearest cache.Key // of a run: the entry that the changes are measured from
	Study   string    // that computed that entry, if it is another one
	Changes []Change
}

// Change is one ingredient that differs from the nearest cached entry.
type Change struct {
	Path string `json:"path" doc:"the ingredient"`
	Was  string `json:"was" doc:"its value there, as text for people; (absent) if it has none"`
	Now  string `json:"now" doc:"its value now, likewise"`
	Code bool   `json:"code,omitempty" doc:"true for a fingerprint of this program's computation"`
	Part string `json:"part,omitempty" doc:"of a fingerprint: the part that explains it"`
}

// computes reports whether a run would compute the task, and knows its key.
func (t *Task) computes() bool { return t.Status == Run || t.Status == Resume }

// Affinity says which process should compute the task.
func (t *Task) Affinity() pipeline.Affinity { return t.affinity }

// Executor is the label of where the task runs; "" is this machine. A task that
// needs no process of its own runs in the coordinator.
func (t *Task) Executor() string {
	if !t.node.Kind.Child || t.Runtime().Executor == study.LocalExecutor {
		return ""
	}
	return t.Runtime().Executor
}

// Runtime is how and where the task runs.
func (t *Task) Runtime() *study.Runtime { return t.node.Instance.Runtime }

// Kind is the kind of the task's stage.
func (t *Task) Kind() pipeline.Kind { return t.node.Kind.Kind }

// Spec is the task's decoded stage.
func (t *Task) Spec() pipeline.Stage { return t.node.Stage }

// Place adds the position in the source to diagnostics about the task.
func (t *Task) Place(list diag.List) diag.List { return graph.Place(t.node.Instance, list) }

// Before reports whether the plan lists the task before another.
func (t *Task) Before(other *Task) bool { return t.node.Index < other.node.Index }

// Describe returns the description whose hash is the task's key, and the notes
// that are stored beside it. Both are zero while the task is pending.
func (t *Task) Describe() (ingredients, notes cache.Value, err error) {
	a, err := t.Action()
	if err != nil || a == nil {
		return cache.Value{}, cache.Value{}, err
	}
	return a.Ingredients(), a.Notes(), nil
}

// Action returns the task's action; nil while it is pending. An action that was
// dropped is described again.
func (t *Task) Action() (*action.Action, error) {
	if t.action != nil || t.Key.IsZero() {
		return t.action, nil
	}
	p, of := t.plan.planner, t.computing()
	in, _, _ := p.inputs(t.plan, of)
	a, err := p.describe(of.node, in)
	if err != nil {
		return nil, fmt.Errorf("describing %s again: %w", t.Address, err)
	}
	if a.Key() != t.Key {
		return nil, fmt.Errorf("%s changed after it was planned: run the command again", t.Address)
	}
	t.action = &a
	return t.action, nil
}

// Entry returns the entry of a task that the store or a remote has; an empty one for
// others.
func (t *Task) Entry() cache.Entry {
	if t.entry == nil {
		return cache.Entry{}
	}
	return *t.entry
}

// Cached returns an error that says what to do unless the task's result is cached.
func (t *Task) Cached() error {
	if t.Status == Hit {
		return nil
	}
	return fmt.Errorf("%s has no result yet (%s): run the study first", t.Address, t.Reason.Text)
}

// Work returns how much there is to compute; ok is false where the stage does not
// say, and for cached tasks whose action was dropped.
func (t *Task) Work() (w pipeline.Work, ok bool) {
	switch {
	case t.work != nil:
		return *t.work, true
	case t.action == nil:
		return pipeline.Work{}, false
	}
	return t.action.Work()
}

// isCell reports whether the task is a cell of a matrix.
func (t *Task) isCell() bool { return t.node.Instance.Factors != nil }

// drop forgets the action of a cell: a plan may have a hundred thousand.
func (t *Task) drop() {
	if t.isCell() {
		t.action = nil
	}
}

// Evictable reports whether the task declares an artifact as one that may be
// missing. What an entry from elsewhere says about itself does not matter.
func (t *Task) Evictable(artifact string) bool {
	return slices.ContainsFunc(t.promised, func(o pipeline.Output) bool { return o.Name == artifact && o.Retention == cache.Evict })
}

// Outputs lists the artifacts that the task promises. It is empty while the task is
// pending.
func (t *Task) Outputs() []pipeline.Output { return t.promised }
