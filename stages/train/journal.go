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
	noteName    = "note"    // what it follows from, and the rows since
	stateName   = "state"   // all tensors of a state on the way
	momentsName = "moments" // beside checkpoint: the optimizer's part of a state that stays
	rowsName    = "rows"    // of an observation
)

// note is what a state says of itself. Rows are those of the steps since its
// parent, which has a note of its own.
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
	told     *note // once read
}

// sighting is one observer at one step.
type sighting struct {
	observer int
	step     int
}

// journal is what the store holds of a run, and where more is written down.
type journal struct {
	spec      *LM
	states    pipeline.States
	base      cache.Value
	keys      []cache.Key // by steps done
	observers []observer

	saved map[bool]map[int]*saved // by kept, by step
	seen  map[sighting]cache.Entry
	known bool // the mark is there; owned by the writing goroutine
}

// openJournal asks the store for everything that belongs to the run.
func openJournal(ctx context.Context, t *LM, in pipeline.Inputs, states pipeline.States) (*journal, error) {
	j := &journal{spec: t, states: states, seen: make(map[sighting]cache.Entry),
		saved: map[bool]map[int]*saved{false: {}, true: {}}}
	var err error
	if j.base, err = t.base(in); err != nil {
		return nil, err
	}
	if j.observers, err = t.observers(in); err != nil {
		return nil, err
	}
	mark, err := states.Find(ctx, knownKey(j.base.Key(stateDomain)))
	if err != nil {
		return nil, err
	}
	j.known = mark[0].OK
	j.keys = t.stateKeys(j.base)
	if !j.known {
		return j, nil
	}
	return j, errors.Join(j.findStates(ctx), j.findObservations(ctx))
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
				j.saved[kept][i+1] = &saved{step: i + 1, kept: kept, entry: f.Entry, loadable: len(f.Absent) == 0}
			}
		}
	}
	return nil
}

func (j *journal) findObservations(ctx context.Context) error {
	var at []sighting
	var keys []cache.Key
	for i, o := range j.observers {
		for step := 1; step <= j.spec.Steps; step++ {
			if o.due(step, j.spec.Steps) {
				at, keys = append(at, sighting{i, step}), append(keys, o.key(j.keys[step]))
			}
		}
	}
	found, err := j.states.Find(ctx, keys...)
	for i, f := range found {
		if f.OK && len(f.Absent) == 0 {
			j.seen[at[i]] = f.Entry
		}
	}
	return err
}

// at returns the saved state after some steps, one that can be loaded first.
func (j *journal) at(step int) *saved {
	s := j.saved[true][step]
	if t := j.saved[false][step]; s == nil || t != nil && t.loadable && !s.loadable {
		s = t
	}
	return s
}

// spine is the furthest saved state whose past can be told and continued: one
// that can be loaded, or, since then its steps can be repeated bit by bit, any
// of this numerics class. Nil is the start.
func (j *journal) spine() *saved {
	for step := j.spec.Steps; step > 0; step-- {
		s := j.at(step)
		if s != nil && (s.loadable || s.entry.Class == j.states.Class()) {
			return s
		}
	}
	return nil
}

// loadBefore is the furthest state to go on from at or before a step, 0 for the
// start. Between the start and the spine only states of this numerics class
// count, so that what is repeated is the same.
func (j *journal) loadBefore(step int, spine *saved) int {
	for ; step > 0; step-- {
		s := j.at(step)
		if s != nil && s.loadable && (s.entry.Class == j.states.Class() || s == spine) {
			return step
		}
	}
	return 0
}

// lineage is what the states from the start to a saved one tell.
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
			return lineage{}, fmt.Errorf("the state after %d steps is not the one that its successor came from", s.step)
		}
		for _, r := range n.Rows {
			l.rows[r.Step] = append(l.rows[r.Step], r)
		}
		if !slices.Contains(l.classes, s.entry.Class) {
			l.classes = append(l.classes, s.entry.Class)
		}
		if n.Parent == 0 {
			return l, nil
		}
		if s, want = j.saved[n.ParentKept][n.Parent], n.ParentState; s == nil {
			return lineage{}, fmt.Errorf("the state after %d steps is gone from the store", n.Parent)
		}
	}
	return l, nil
}

func (j *journal) note(ctx context.Context, s *saved) (note, error) {
	if s.told != nil {
		return *s.told, nil
	}
	a, _ := s.entry.Artifact(noteName)
	var n note
	raw, err := j.states.Read(ctx, a.Digest)
	if err == nil {
		err = json.Unmarshal(raw, &n)
	}
	if err == nil && n.Step != s.step {
		err = fmt.Errorf("it is about step %d", n.Step)
	}
	if err != nil {
		return note{}, fmt.Errorf("reading the note of the state after %d steps: %w", s.step, err)
	}
	s.told = &n
	return n, nil
}

// forget stops relying on a state that turned out to be unusable.
func (j *journal) forget(s *saved) { delete(j.saved[s.kept], s.step) }

// tensors reads a state's numbers.
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

// keep writes a state down: params and moments are its two halves. It returns
// what the store holds afterwards, its note read, and does not yet rely on it.
func (j *journal) keep(ctx context.Context, n note, kept bool, params, moments []ml.Tensor) (*saved, error) {
	if err := j.mark(ctx); err != nil {
		return nil, err
	}
	pieces := []pipeline.Piece{{Name: noteName, MediaType: "application/json", Write: func(w io.Writer) error {
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
		return nil, err
	}
	s := &saved{step: n.Step, kept: kept, entry: e, loadable: true}
	_, err = j.note(ctx, s)
	return s, err
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

// observed writes an observation down.
func (j *journal) observed(ctx context.Context, at sighting, rows []record.Row) (cache.Entry, error) {
	if err := j.mark(ctx); err != nil {
		return cache.Entry{}, err
	}
	o := j.observers[at.observer]
	what := cache.Map(map[string]cache.Value{"state": cache.String(j.keys[at.step].String()), "observer": o.id})
	return j.states.Keep(ctx, o.key(j.keys[at.step]), what, pipeline.Piece{
		Name: rowsName, MediaType: "application/json",
		Write: func(w io.Writer) error { return json.NewEncoder(w).Encode(rows) },
	})
}

// observation reads rows that were written down.
func (j *journal) observation(ctx context.Context, at sighting) ([]record.Row, error) {
	e := j.seen[at]
	a, _ := e.Artifact(rowsName)
	raw, err := j.states.Read(ctx, a.Digest)
	var rows []record.Row
	if err == nil {
		err = json.Unmarshal(raw, &rows)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was observed after %d steps: %w", at.step, err)
	}
	return rows, nil
}

// missing lists the sightings that are not stored yet, by step. Beyond the
// spine only those of this numerics class count.
func (j *journal) missing(spine *saved) []sighting {
	known := 0
	if spine != nil {
		known = spine.step
	}
	var out []sighting
	for step := 1; step <= j.spec.Steps; step++ {
		for i, o := range j.observers {
			if !o.due(step, j.spec.Steps) {
				continue
			}
			e, ok := j.seen[sighting{i, step}]
			if !ok || step > known && e.Class != j.states.Class() {
				out = append(out, sighting{i, step})
			}
		}
	}
	return out
}

// sweep drops the tensors of states on the way.
func (j *journal) sweep(ctx context.Context) error {
	var drop []cache.Digest
	for _, s := range j.saved[false] {
		if a, ok := s.entry.Artifact(stateName); ok && s.loadable {
			drop = append(drop, a.Digest)
		}
	}
	return j.states.Drop(ctx, drop...)
}
