package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/source"
)

// Request is an action as a document: what a child process or another machine
// needs to compute it. The ingredients are frozen: the receiver must compute the
// same key.
type Request struct {
	Address     addr.Instance             `json:"address"`
	Block       string                    `json:"block"`
	Type        string                    `json:"type"`
	Spec        json.RawMessage           `json:"spec"`
	Study       pipeline.StudyInfo        `json:"study"`
	Dir         string                    `json:"dir"`
	Strict      bool                      `json:"strict,omitempty"`
	Key         cache.Key                 `json:"key"`
	Ingredients cache.Value               `json:"ingredients"`
	Inputs      map[string][]RequestInput `json:"inputs,omitempty"`
	Threads     int                       `json:"threads"`
	Trace       bool                      `json:"trace,omitempty"`
	Passes      []string                  `json:"passes,omitempty"`  // names of environment variables that the stage lets through
	Environ     []string                  `json:"environ,omitempty"` // those of them that the child must set itself
	Resources   study.Resources           `json:"resources,omitzero"`
	Timeout     time.Duration             `json:"timeout,omitempty"`    // from when a child has the request; 0 is none
	Supervised  bool                      `json:"supervised,omitempty"` // it runs a user program, which must not outlive it
	Affinity    pipeline.Affinity         `json:"affinity,omitzero"`
	Reusable    bool                      `json:"reusable,omitempty"` // the child may be sent another request afterwards
	Log         string                    `json:"log,omitempty"`      // the file that the child logs to; "" leaves stderr as it is
	LogEnd      string                    `json:"log_end,omitempty"`  // what the child writes to stderr after the action, so that its parent can tell the logs of two actions apart
	Frozen      *source.Listing           `json:"frozen,omitempty"`   // files that are read as they were when the run began
	Program     string                    `json:"program,omitempty"`  // the version of ablate that planned it; "" accepts any
}

// RequestInput is one input of a Request.
type RequestInput struct {
	Address   addr.Instance    `json:"address"`
	Label     string           `json:"label,omitempty"`
	Factors   []*addr.Factor   `json:"factors,omitempty"`
	Block     string           `json:"block"`
	Type      string           `json:"type"`
	Spec      json.RawMessage  `json:"spec"`
	Artifacts []cache.Artifact `json:"artifacts,omitempty"`
	Key       cache.Key        `json:"key,omitzero"`
}

// InputKeys lists the actions whose artifacts the request needs.
func (r Request) InputKeys() []cache.Key {
	var out []cache.Key
	for _, attr := range slices.Sorted(maps.Keys(r.Inputs)) {
		for _, in := range r.Inputs[attr] {
			if !in.Key.IsZero() && !slices.Contains(out, in.Key) {
				out = append(out, in.Key)
			}
		}
	}
	return out
}

// Request returns the action as a document. The caller adds what concerns the
// machine that computes it.
func (a *Action) Request(sources pipeline.Sources) (Request, error) {
	of := a.subject
	spec, err := json.Marshal(of.Spec)
	if err != nil {
		return Request{}, fmt.Errorf("writing the spec of %s: %w", of.Address, err)
	}
	r := Request{
		Address: of.Address, Block: of.Kind.Block, Type: of.Kind.Type, Spec: spec,
		Study: of.Inputs.Study, Dir: of.Inputs.Study.Dir, Strict: of.Strict, Key: a.key, Ingredients: a.ingredients,
		Inputs:     make(map[string][]RequestInput, len(of.Inputs.Refs)),
		Supervised: of.Kind.Program, Affinity: a.recipe.Affinity,
		Reusable: of.Kind.Program || a.recipe.Affinity.Process != "",
	}
	if p, ok := of.Spec.(pipeline.EnvPassthrough); ok {
		r.Passes = p.Passes()
	}
	frozen, ok := sources.(*source.Frozen)
	if reader, reads := of.Spec.(pipeline.FileReader); ok && reads {
		l := frozen.Only(reader.DeclaredFiles())
		r.Frozen = &l
	}
	for _, attr := range slices.Sorted(maps.Keys(of.Inputs.Refs)) {
		for _, in := range of.Inputs.Refs[attr] {
			spec, err := json.Marshal(in.Stage)
			if err != nil {
				return Request{}, fmt.Errorf("writing the spec of %s: %w", in.Address, err)
			}
			r.Inputs[attr] = append(r.Inputs[attr], RequestInput{
				Address: in.Address, Label: in.Label, Factors: in.Factors,
				Block: in.Address.Stage.Block, Type: in.Address.Stage.Type, Spec: spec, Artifacts: in.Artifacts, Key: in.Key,
			})
		}
	}
	return r, nil
}

// Action rebuilds the action with this program's kinds. It fails where this program
// computes another key.
func (r Request) Action(kinds []pipeline.Kind, sources pipeline.Sources, memo pipeline.Memo) (*Action, error) {
	kind, stage, err := revive(kinds, r.Block, r.Type, r.Spec)
	if err != nil {
		return nil, err
	}
	r.Study.Dir = r.Dir
	in := pipeline.Inputs{Study: r.Study, Refs: make(map[string][]pipeline.Input, len(r.Inputs)), Sources: sources, Memo: memo}
	for _, attr := range slices.Sorted(maps.Keys(r.Inputs)) {
		for _, ri := range r.Inputs[attr] {
			input, err := ri.open(kinds, in)
			if err != nil {
				return nil, err
			}
			in.Refs[attr] = append(in.Refs[attr], input)
		}
	}
	a, err := Describe(Subject{Address: r.Address, Kind: kind, Spec: stage, Inputs: in, Strict: r.Strict})
	if err != nil {
		return nil, err
	}
	return &a, a.checkKey(r.Key, r.Ingredients)
}

// open rebuilds the input. around is what the stage that refers to it may use.
func (ri RequestInput) open(kinds []pipeline.Kind, around pipeline.Inputs) (pipeline.Input, error) {
	kind, stage, err := revive(kinds, ri.Block, ri.Type, ri.Spec)
	if err != nil {
		return pipeline.Input{}, err
	}
	input := pipeline.Input{
		Address: ri.Address, Label: ri.Label, Factors: ri.Factors, Stage: stage,
		Ref: kind.Ref(stage), Artifacts: ri.Artifacts,
	}
	if kind.Role == pipeline.Definition {
		around.Refs = nil
		recipe, err := stage.Describe(around)
		if err != nil {
			return pipeline.Input{}, fmt.Errorf("describing %s: %w", ri.Address, err)
		}
		input.Code = recipe.Code
	}
	return input, nil
}

// revive decodes a spec with the kind of this program.
func revive(kinds []pipeline.Kind, block, typ string, spec json.RawMessage) (*Kind, pipeline.Stage, error) {
	for _, k := range kinds {
		if k.Block != block || k.Type != typ {
			continue
		}
		stage := k.New()
		if err := json.Unmarshal(spec, stage); err != nil {
			return nil, nil, fmt.Errorf("reading the spec of a %s %q stage: %w", block, typ, err)
		}
		return NewKind(k), stage, nil
	}
	return nil, nil, fmt.Errorf("this program has no %s stage of type %q", block, typ)
}
