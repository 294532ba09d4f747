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
)

// Request is an action as a document: what a child process or another machine
// needs to compute it. The ingredients are frozen: whoever computes must come
// to the same key.
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
	Passes      []string                  `json:"passes,omitempty"`  // variables of the environment, by name
	Environ     []string                  `json:"environ,omitempty"` // those of them that the child has to set itself
	Resources   study.Resources           `json:"resources,omitzero"`
	Timeout     time.Duration             `json:"timeout,omitempty"` // the child's to keep
	Again       bool                      `json:"again,omitempty"`   // the child may be sent another request afterwards
	Log         string                    `json:"log,omitempty"`     // where it logs from now on; "" leaves stderr as it is
	Program     string                    `json:"program,omitempty"` // the version of ablate that asks; "" lets any answer
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

// Request is the action as a document. The caller adds what the machine that
// computes it has to know.
func (a *Action) Request() (Request, error) {
	of := a.subject
	spec, err := json.Marshal(of.Spec)
	if err != nil {
		return Request{}, fmt.Errorf("writing the spec of %s: %w", of.Address, err)
	}
	r := Request{
		Address: of.Address, Block: of.Kind.Block, Type: of.Kind.Type, Spec: spec,
		Study: of.Inputs.Study, Dir: of.Inputs.Study.Dir, Strict: of.Strict, Key: a.key, Ingredients: a.ingredients,
		Inputs: make(map[string][]RequestInput, len(of.Inputs.Refs)),
		Again:  of.Kind.Program,
	}
	if p, ok := of.Spec.(pipeline.Passing); ok {
		r.Passes = p.Passes()
	}
	for attr, refs := range of.Inputs.Refs {
		for _, in := range refs {
			spec, err := json.Marshal(in.Stage)
			if err != nil {
				return Request{}, fmt.Errorf("writing the spec of %s: %w", in.Address, err)
			}
			r.Inputs[attr] = append(r.Inputs[attr], RequestInput{
				Address: in.Address, Label: in.Label, Factors: in.Factors,
				Block: in.Ref.Block, Type: in.Ref.Type, Spec: spec, Artifacts: in.Artifacts, Key: in.Key,
			})
		}
	}
	return r, nil
}

// Action rebuilds the action from its document with this program's kinds, and
// refuses one to which this program would not give the same key.
func (r Request) Action(kinds []pipeline.Kind, sources pipeline.Sources, memo pipeline.Memo) (*Action, error) {
	kind, stage, err := revive(kinds, r.Block, r.Type, r.Spec)
	if err != nil {
		return nil, err
	}
	r.Study.Dir = r.Dir
	in := pipeline.Inputs{Study: r.Study, Refs: make(map[string][]pipeline.Input, len(r.Inputs)), Sources: sources, Memo: memo}
	for attr, refs := range r.Inputs {
		for _, ri := range refs {
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
	return a, a.is(r.Key, r.Ingredients)
}

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
		if input.Recipe, err = stage.Describe(around); err != nil {
			return pipeline.Input{}, fmt.Errorf("describing %s: %w", ri.Address, err)
		}
	}
	return input, nil
}

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
