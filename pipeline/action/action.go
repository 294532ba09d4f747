package action

import (
	"fmt"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Subject is an instance whose inputs are known, before it has a key.
type Subject struct {
	Address addr.Instance
	Kind    *Kind
	Spec    pipeline.Stage
	Inputs  pipeline.Inputs
	Strict  bool // the numerics class is part of the key
}

// Action is an instance as something to compute, with everything that its result
// depends on. It is what is hashed, looked up, explained, saved, sent and
// computed. Describe makes it, and nothing changes it afterwards.
type Action struct {
	subject     Subject
	recipe      pipeline.Recipe
	ref         pipeline.Ref
	ingredients cache.Value
	key         cache.Key
}

// Describe asks the stage what its result depends on, and hashes that. It is the
// only place where the key of an action is made. The action is a value, since a plan
// keeps few of those that it describes.
func Describe(s Subject) (Action, error) {
	s.Inputs.Class, s.Inputs.Sources = "", newPlannedSources(s.Inputs.Sources)
	if s.Strict {
		s.Inputs.Class = ClassOf(s.Spec)
	}
	recipe, err := s.Spec.Describe(s.Inputs)
	if err != nil {
		return Action{}, err
	}
	spec := s.Kind.encoder.encode(s.Spec)
	a := Action{subject: s, recipe: recipe, ref: pipeline.NewRef(s.Kind.Kind, spec)}
	a.ingredients = s.Kind.ingredients(spec, recipe, s.Inputs.Class, len(s.Inputs.Absent))
	a.key = a.ingredients.Key(keyDomain)
	return a, nil
}

// Key is the hash of the ingredients.
func (a *Action) Key() cache.Key { return a.key }

// Address names the instance.
func (a *Action) Address() addr.Instance { return a.subject.Address }

// Ingredients is what the key is the hash of.
func (a *Action) Ingredients() cache.Value { return a.ingredients }

// Notes explain the ingredients, and are not part of the key: the notes of the
// stage, and the fields of the spec that fingerprints witness.
func (a *Action) Notes() cache.Value {
	notes := OrEmpty(a.recipe.Notes)
	witnessed := a.subject.Kind.Witnessed(a.subject.Spec)
	if len(witnessed.Keys()) == 0 {
		return notes
	}
	return notes.With("spec", witnessed)
}

// Outputs lists the artifacts that computing it makes.
func (a *Action) Outputs() []pipeline.Output { return a.recipe.Outputs }

// Work returns how much there is to compute; ok is false where the stage does not
// say.
func (a *Action) Work() (w pipeline.Work, ok bool) {
	if a.recipe.Work == nil {
		return pipeline.Work{}, false
	}
	return a.recipe.Work(), true
}

// Affinity says which process should compute it.
func (a *Action) Affinity() pipeline.Affinity { return a.recipe.Affinity }

// Warnings returns what a plan of the action warns of.
func (a *Action) Warnings() diag.List {
	if a.recipe.Warnings == nil {
		return nil
	}
	return a.recipe.Warnings()
}

// AsDefinition returns what consumers of a definition see of its action: its identity
// and its fingerprints.
func (a *Action) AsDefinition() (pipeline.Ref, cache.Value) { return a.ref, a.recipe.Code }

// Redescribe describes the same subject again, with the sources that the run reads.
// It fails where the key differs, because a source or the program changed.
func (a *Action) Redescribe(sources pipeline.Sources) (*Action, error) {
	subject := a.subject
	subject.Inputs.Sources = sources
	now, err := Describe(subject)
	if err != nil {
		return nil, err
	}
	return &now, now.checkKey(a.key, a.ingredients)
}

// checkKey compares the action with what was planned.
func (a *Action) checkKey(key cache.Key, planned cache.Value) error {
	if a.key == key {
		return nil
	}
	var fields []string
	for _, d := range cache.Diff(planned, a.ingredients) {
		fields = append(fields, JoinPath(d.Path))
	}
	return fmt.Errorf("%s changed between planning and running (%s): run the command again", a.subject.Address, strings.Join(fields, ", "))
}

// ClassOf returns the numerics class of a stage, "" where its bits do not depend
// on the machine.
func ClassOf(s pipeline.Stage) string {
	if c, ok := s.(pipeline.NumericsClasser); ok {
		return c.NumericsClass()
	}
	return ""
}
