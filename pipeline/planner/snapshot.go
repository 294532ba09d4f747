package planner

import (
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
)

// SavedPlan is a plan in the form in which it is saved.
type SavedPlan struct {
	Steps []SavedTask `json:"steps"`
	// Notes name what ingredients hold as hashes. Each is here once: trials that differ
	// in their seed alone share it.
	Notes []cache.Value `json:"notes,omitempty"`
}

// SavedTask is a task of a saved plan, which is carried out unchanged or not at
// all.
type SavedTask struct {
	Address string     `json:"address"`
	Status  Status     `json:"action"`
	Key     *cache.Key `json:"key"` // null while pending
	// Declared is the hash of what the study says about the task. It stands for the
	// key of a task that waits for a result, now or when the plan was saved.
	Declared cache.Key `json:"declared"`
	// Ingredients is what the key is the hash of; of a pending task, what Declared is
	// the hash of. Hits leave it out: the store has it.
	Ingredients *cache.Value `json:"ingredients,omitempty"`
	// Note is the place of the ingredients' notes in the plan's.
	Note *int `json:"note,omitempty"`
}

// Save returns the plan in the form in which it is saved.
func (p *Plan) Save() SavedPlan {
	out := SavedPlan{Steps: make([]SavedTask, len(p.Tasks))}
	places := make(map[cache.Key]*int) // in the notes
	for i, t := range p.Tasks {
		declared := t.declared()
		s := SavedTask{Address: t.Address.String(), Status: t.Status, Declared: declared.Key(declaredDomain)}
		if !t.Key.IsZero() {
			key := t.Key
			s.Key = &key
		}
		if t.Status != Hit {
			s.Ingredients = &declared
			if known, notes, err := t.Describe(); err == nil && !known.IsZero() {
				s.Ingredients, s.Note = &known, out.note(notes, places)
			}
		}
		out.Steps[i] = s
	}
	return out
}

// note returns the place of notes in the plan's; nil for none.
func (p *SavedPlan) note(notes cache.Value, places map[cache.Key]*int) *int {
	if notes.IsZero() {
		return nil
	}
	k := notes.Key(notesDomain)
	if places[k] == nil {
		at := len(p.Notes)
		places[k] = &at
		p.Notes = append(p.Notes, notes)
	}
	return places[k]
}

// notesOf returns the notes of a saved task, which are zero if it has none.
func (p *SavedPlan) notesOf(t SavedTask) cache.Value {
	if t.Note == nil || *t.Note < 0 || *t.Note >= len(p.Notes) {
		return cache.Value{}
	}
	return p.Notes[*t.Note]
}

const (
	declaredDomain = "ablate declared v1"
	notesDomain    = "ablate notes v1"
)

// declared is what the study says about a task, whether or not its key is known: the
// spec, the addresses that it refers to, the labels that it may show, the files that it
// reads, and what the study block adds to every key.
func (t *Task) declared() cache.Value {
	inputs := make(map[string]cache.Value, len(t.node.Needs))
	for _, need := range t.node.Needs {
		addresses := make([]cache.Value, len(need.On))
		for i, dep := range need.On {
			addresses[i] = cache.String(dep.Instance.Address.String())
		}
		inputs[need.Attr] = cache.List(addresses...)
		if len(addresses) == 1 {
			inputs[need.Attr] = addresses[0]
		}
	}
	about := t.plan.planner.Graph.Study
	fields := map[string]cache.Value{
		"spec":   t.node.Kind.Spec(t.node.Stage),
		"inputs": cache.Map(inputs),
		"study":  cache.Map(map[string]cache.Value{"seed": cache.Int(about.Seed), "numerics": cache.String(about.Numerics)}),
	}
	if t.Role == pipeline.Analysis {
		fields["labels"] = t.labels()
	}
	if reader, ok := t.node.Stage.(pipeline.FileReader); ok && t.plan.planner.Sources != nil {
		for _, files := range reader.DeclaredFiles() {
			fields["files "+files.Pattern] = t.plan.planner.contents(files)
		}
	}
	return cache.Map(fields)
}

// labels are the labels that an analysis may show: of levels, and of other analyses.
func (t *Task) labels() cache.Value {
	labels := make(map[string]cache.Value)
	for dep := range t.node.Deps() {
		if dep.Kind.Role == pipeline.Analysis {
			labels[dep.Instance.Address.String()] = cache.String(dep.Instance.Label)
		}
		for _, f := range dep.Instance.Factors {
			labels[f.Name+"="+f.Level.String()] = cache.String(f.Label)
		}
	}
	return cache.Map(labels)
}

// contents returns the digests of declared files by their path in the study's folder.
// Those that cannot be read are left out: the stage has a better message.
func (p *Planner) contents(files pipeline.Files) cache.Value {
	type declaredFiles struct{ pattern, exclude string }
	key := declaredFiles{files.Pattern, strings.Join(files.Exclude, "\x00")}
	found, _ := p.shared.Value(key, func() (cache.Value, error) {
		paths, _ := p.Sources.Expand(files.Pattern, files.Exclude...)
		digests := make(map[string]cache.Value, len(paths))
		for _, path := range paths {
			if d, _, err := p.Sources.Digest(path); err == nil {
				digests[p.shown(path)] = cache.DigestValue(d)
			}
		}
		return cache.Map(digests), nil
	})
	return found
}

// shown is a path relative to the study's folder, so that a plan also holds for a copy
// of the folder.
func (p *Planner) shown(path string) string {
	if relative, err := filepath.Rel(p.Graph.Study.Dir, path); err == nil && filepath.IsAbs(path) {
		return filepath.ToSlash(relative)
	}
	return path
}
