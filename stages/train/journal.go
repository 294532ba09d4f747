package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/record"
)

// Names of the artifacts of a state.
const (
	noteName    = "note"    // its parent, and the rows since
	stateName   = "state"   // all tensors of a temporary state
	momentsName = "moments" // the optimizer's part of a kept state; the checkpoint has the rest
	rowsName    = "rows"    // of an observation
)

// note describes a saved state. It has the rows of the steps since the parent
// state, which has a note of its own.
type note struct {
	Step        int          `json:"step"`
	State       cache.Digest `json:"state"` // of all tensors
	Parent      int          `json:"parent"`
	ParentKept  bool         `json:"parent_kept,omitempty"`
	ParentState cache.Digest `json:"parent_state,omitzero"`
	Rows        []record.Row `json:"rows"`
}

// saved is a state in the store.
type saved struct {
	step     int
	kept     bool
	entry    cache.Entry
	loadable bool
	note     *note // nil until it is read
}

// observedAt names the observation of one observer at one step.
type observedAt struct {
	observer int
	step     int
}

// journal reads and writes the states and observations of a trial in the store.
type journal struct {
	spec      *LM
	states    pipeline.States
	base      cache.Value
	keys      []cache.Key // by steps done
	observers []observer

	saved map[bool]map[int]*saved // by kept, by step
	seen  map[observedAt]cache.Entry
	known bool // the store has the mark of knownKey; owned by the writing goroutine
}

// openJournal looks up all states and observations of the trial.
func openJournal(ctx context.Context, t *LM, in pipeline.Inputs, states pipeline.States) (*journal, error) {
	j := &journal{spec: t, states: states, seen: make(map[observedAt]cache.Entry),
		saved: map[bool]map[int]*saved{false: {}, true: {}}}
	var err error
	if j.base, err = t.base(in); err != nil {
		return nil, err
	}
	if j.observers, err = t.observers(in); err != nil {
		return nil, err
	}
	if j.known, err = hasStates(ctx, states, j.base); err != nil {
		return nil, err
	}
	j.keys = t.stateKeys(j.base)
	if !j.known {
		return j, nil
	}
	return j, errors.Join(j.findStates(ctx), j.findObservations(ctx))
}

// hasStates reports whether a state of a run was ever kept. Most runs of a plan have
// none, and nothing more needs to be looked up for them.
func hasStates(ctx context.Context, states pipeline.States, base cache.Value) (bool, error) {
	mark, err := states.Find(ctx, knownKey(base.Key(stateDomain)))
	if err != nil {
		return false, err
	}
	return mark[0].OK, nil
}

func (j *journal) findStates(ctx context.Context) error {
	for _, kept := range []bool{false, true} {
		keys := slices.Clone(j.keys[1:])
		if kept {
			for i, k := range keys {
				keys[i] = keptKey(k)
			}
		}
		found, err := j.states.Find(ctx, keys...)
		if err != nil {
			return err
		}
		for i, f := range found {
			if f.OK && !slices.Contains(f.Absent, noteName) {
				j.saved[kept][i+1] = &saved{step: i + 1, kept: kept, entry: *f.Entry, loadable: len(f.Absent) == 0}
			}
		}
	}
	return nil
}

func (j *journal) findObservations(ctx context.Context) error {
	var at []observedAt
	var keys []cache.Key
	for i, o := range j.observers {
		for step := 1; step <= j.spec.Steps; step++ {
			if o.due(step, j.spec.Steps) {
				at, keys = append(at, observedAt{i, step}), append(keys, o.key(j.keys[step]))
			}
		}
	}
	found, err := j.states.Find(ctx, keys...)
	for i, f := range found {
		if f.OK && len(f.Absent) == 0 {
			j.seen[at[i]] = *f.Entry
		}
	}
	return err
}

// at returns the saved state after a number of steps, preferably one that can be
// loaded, or nil.
func (j *journal) at(step int) *saved {
	s := j.saved[true][step]
	if t := j.saved[false][step]; s == nil || t != nil && t.loadable && !s.loadable {
		s = t
	}
	return s
}

// latest is the last saved state that the trial can resume from: one that can be
// loaded, or any of this numerics class, whose steps can be repeated bit by bit.
// Nil stands for the start.
func (j *journal) latest() *saved {
	for step := j.spec.Steps; step > 0; step-- {
		s := j.at(step)
		if s != nil && (s.loadable || s.entry.Class == j.states.Class()) {
			return s
		}
	}
	return nil
}

// loadBefore is the step of the last state at or before a step that can be loaded,
// 0 for the start. Before the latest state, only states of this numerics class
// count, so that repeated steps give the same bits.
func (j *journal) loadBefore(step int, latest *saved) int {
	for ; step > 0; step-- {
		s := j.at(step)
		if s != nil && s.loadable && (s.entry.Class == j.states.Class() || s == latest) {
			return step
		}
	}
	return 0
}

// lineage collects the notes of the states from the start to a saved one.
type lineage struct {
	rows    map[int][]record.Row // by step
	classes []string             // of the states
}

// past reads the lineage of a saved state.
func (j *journal) past(ctx context.Context, s *saved) (lineage, error) {
	l := lineage{rows: make(map[int][]record.Row)}
	var want cache.Digest
	for s != nil {
		n, err := j.note(ctx, s)
		if err != nil {
			return lineage{}, err
		}
		if !want.IsZero() && n.State != want {
			return lineage{}, fmt.Errorf("the state after %d steps is not the one that the next state was computed from", s.step)
		}
		for _, r := range n.Rows {
			l.rows[r.Step] = append(l.rows[r.Step], r)
		}
		for step := n.Parent + 1; step <= n.Step; step++ {
			if len(l.rows[step]) == 0 {
				return lineage{}, fmt.Errorf("the note of the state after %d steps has no rows of step %d", s.step, step)
			}
		}
		if !slices.Contains(l.classes, s.entry.Class) {
			l.classes = append(l.classes, s.entry.Class)
		}
		if n.Parent == 0 {
			return l, nil
		}
		if s, want = j.saved[n.ParentKept][n.Parent], n.ParentState; s == nil {
			return lineage{}, fmt.Errorf("the state after %d steps is missing from the store", n.Parent)
		}
	}
	return l, nil
}

func (j *journal) note(ctx context.Context, s *saved) (note, error) {
	if s.note != nil {
		return *s.note, nil
	}
	a, _ := s.entry.Artifact(noteName)
	var n note
	raw, err := j.states.Read(ctx, a.Digest)
	if err == nil {
		err = json.Unmarshal(raw, &n)
	}
	if err == nil && n.Step != s.step {
		err = fmt.Errorf("it describes step %d", n.Step)
	}
	if err != nil {
		return note{}, fmt.Errorf("reading the note of the state after %d steps: %w", s.step, err)
	}
	s.note = &n
	return n, nil
}

// forget drops a state that turned out to be unusable.
func (j *journal) forget(s *saved) { delete(j.saved[s.kept], s.step) }

// tensors reads the tensors of a state.
func (j *journal) tensors(ctx context.Context, s *saved) ([]ml.Tensor, error) {
	var out []ml.Tensor
	for _, name := range []string{stateName, record.Checkpoint, momentsName} {
		a, ok := s.entry.Artifact(name)
		if !ok {
			continue
		}
		raw, err := j.states.Read(ctx, a.Digest)
		if err != nil {
			return nil, err
		}
		some, err := ml.ReadSafetensors(raw)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		out = append(out, some...)
	}
	return out, nil
}

// keep stores a state, whose two parts are params and moments. It returns what the
// store holds afterwards, with its note. That may be the state of another process.
func (j *journal) keep(ctx context.Context, n note, kept bool, params, moments []ml.Tensor) (*saved, error) {
	if err := j.mark(ctx); err != nil {
		return nil, err
	}
	pieces := []pipeline.Piece{{Name: noteName, MediaType: "application/json", Retention: cache.Keep, Write: func(w io.Writer) error {
		return json.NewEncoder(w).Encode(n)
	}}}
	tensors := func(name string, ts []ml.Tensor) {
		pieces = append(pieces, pipeline.Piece{Name: name, MediaType: safetensors, Write: func(w io.Writer) error {
			return ml.WriteSafetensors(w, nil, ts)
		}})
	}
	key := j.keys[n.Step]
	if kept {
		key = keptKey(key)
		tensors(record.Checkpoint, params)
		tensors(momentsName, moments)
	} else {
		tensors(stateName, slices.Concat(params, moments))
	}
	e, err := j.states.Keep(ctx, key, j.what(n.Step), pieces...)
	if err != nil {
		if s := j.same(ctx, key, n, kept); s != nil {
			return s, nil
		}
		return nil, err
	}
	s := &saved{step: n.Step, kept: kept, entry: e, loadable: true}
	_, err = j.note(ctx, s)
	return s, err
}

// same returns the state that another trial with the same bits has published, or nil. That
// trial drops the tensors when it ends. If this happens after Keep has written them and
// before it publishes their entry, Keep fails.
func (j *journal) same(ctx context.Context, key cache.Key, n note, kept bool) *saved {
	found, err := j.states.Find(ctx, key)
	if err != nil || !found[0].OK {
		return nil
	}
	s := &saved{step: n.Step, kept: kept, entry: *found[0].Entry, loadable: len(found[0].Absent) == 0}
	if other, err := j.note(ctx, s); err != nil || other.State != n.State {
		return nil
	}
	return s
}

// what describes a state for people.
func (j *journal) what(step int) cache.Value {
	return cache.Map(map[string]cache.Value{"base": j.base, "step": cache.Int(int64(step)), "state": cache.String(j.keys[step].String())})
}

func (j *journal) mark(ctx context.Context) error {
	if j.known {
		return nil
	}
	_, err := j.states.Keep(ctx, knownKey(j.keys[0]), j.what(0))
	j.known = err == nil
	return err
}

// observed stores an observation.
func (j *journal) observed(ctx context.Context, at observedAt, rows []record.Row) (cache.Entry, error) {
	if err := j.mark(ctx); err != nil {
		return cache.Entry{}, err
	}
	o := j.observers[at.observer]
	what := cache.Map(map[string]cache.Value{"state": cache.String(j.keys[at.step].String()), "observer": o.id})
	return j.states.Keep(ctx, o.key(j.keys[at.step]), what, pipeline.Piece{
		Name: rowsName, MediaType: "application/json", Retention: cache.Keep,
		Write: func(w io.Writer) error { return json.NewEncoder(w).Encode(rows) },
	})
}

// observation reads the rows of a stored observation.
func (j *journal) observation(ctx context.Context, at observedAt) ([]record.Row, error) {
	e := j.seen[at]
	a, _ := e.Artifact(rowsName)
	raw, err := j.states.Read(ctx, a.Digest)
	var rows []record.Row
	if err == nil {
		err = json.Unmarshal(raw, &rows)
	}
	if err != nil {
		return nil, lostObservation{at, err}
	}
	return rows, nil
}

// lostObservation reports a stored observation that cannot be read any more. It can be
// repeated.
type lostObservation struct {
	observedAt
	err error
}

func (l lostObservation) Error() string {
	return fmt.Sprintf("reading the observation after %d steps: %v", l.step, l.err)
}

func (l lostObservation) Unwrap() error { return l.err }

// forgetLost drops the observation that an error says is lost, if it says so.
func (j *journal) forgetLost(err error) bool {
	var lost lostObservation
	if !errors.As(err, &lost) {
		return false
	}
	delete(j.seen, lost.observedAt)
	return true
}

// dropLost drops the observations that the store has lost since they were found or
// made, and returns their steps.
func (j *journal) dropLost(ctx context.Context) (steps []int, err error) {
	before := j.seen
	j.seen = make(map[observedAt]cache.Entry, len(before))
	if err := j.findObservations(ctx); err != nil {
		return nil, err
	}
	for at := range before {
		if _, ok := j.seen[at]; !ok {
			steps = append(steps, at.step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// missing lists the observations that are not stored yet, by step. After the
// latest state, only observations of this numerics class count.
func (j *journal) missing(latest *saved) []observedAt {
	known := 0
	if latest != nil {
		known = latest.step
	}
	var out []observedAt
	for step := 1; step <= j.spec.Steps; step++ {
		for i, o := range j.observers {
			if !o.due(step, j.spec.Steps) {
				continue
			}
			e, ok := j.seen[observedAt{i, step}]
			if !ok || step > known && e.Class != j.states.Class() {
				out = append(out, observedAt{i, step})
			}
		}
	}
	return out
}

// sweep drops the tensors of temporary states. With an optimizer without states, they are
// the bytes of a checkpoint of the same parameters, which stays.
func (j *journal) sweep(ctx context.Context) error {
	kept := make(map[cache.Digest]bool)
	for _, s := range j.saved[true] {
		for _, a := range s.entry.Artifacts {
			kept[a.Digest] = true
		}
	}
	var drop []cache.Digest
	for _, s := range j.saved[false] {
		if a, ok := s.entry.Artifact(stateName); ok && s.loadable && !kept[a.Digest] {
			drop = append(drop, a.Digest)
		}
	}
	return j.states.Drop(ctx, drop...)
}
