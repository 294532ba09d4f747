package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"ablate/cache"
	"ablate/hcl"
	"ablate/hcl/addr"
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
	Resources   hcl.Resources             `json:"resources,omitzero"`
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

// request freezes an action that a child is to run.
func NewRequest(a *Execution, dir string) (Request, error) {
	spec, err := json.Marshal(a.Stage)
	if err != nil {
		return Request{}, fmt.Errorf("writing the spec of %s: %w", a.Address, err)
	}
	r := Request{
		Address: a.Address, Block: a.Kind.Block, Type: a.Kind.Type, Spec: spec,
		Study: a.Inputs.Study, Dir: dir, Strict: a.Strict, Key: a.Key, Ingredients: a.Frozen,
		Inputs: make(map[string][]RequestInput, len(a.Inputs.Refs)), Threads: a.Threads, Trace: a.Trace,
		Again: a.Kind.Program,
	}
	if p, ok := a.Stage.(pipeline.Passing); ok {
		r.Passes = p.Passes()
	}
	for attr, refs := range a.Inputs.Refs {
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

// Open rebuilds the action from its document with this program's kinds. The
// caller adds store, log, progress and clock.
func (r Request) Open(kinds []pipeline.Kind, sources pipeline.Sources, memo pipeline.Memo) (*Execution, error) {
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
	return &Execution{
		Address: r.Address, Kind: kind, Stage: stage, Inputs: in, Strict: r.Strict,
		Key: r.Key, Frozen: r.Ingredients, Threads: r.Threads, Trace: r.Trace,
	}, nil
}

func (ri RequestInput) open(kinds []pipeline.Kind, around pipeline.Inputs) (pipeline.Input, error) {
	kind, stage, err := revive(kinds, ri.Block, ri.Type, ri.Spec)
	if err != nil {
		return pipeline.Input{}, err
	}
	input := pipeline.Input{
		Address: ri.Address, Label: ri.Label, Factors: ri.Factors, Stage: stage,
		Ref:       pipeline.NewRef(kind, newEncoder(kind.New()).encode(stage)),
		Artifacts: ri.Artifacts,
	}
	if kind.Definition {
		around.Refs = nil
		if input.Recipe, err = stage.Describe(around); err != nil {
			return pipeline.Input{}, fmt.Errorf("describing %s: %w", ri.Address, err)
		}
	}
	return input, nil
}

func revive(kinds []pipeline.Kind, block, typ string, spec json.RawMessage) (pipeline.Kind, pipeline.Stage, error) {
	for _, k := range kinds {
		if k.Block != block || k.Type != typ {
			continue
		}
		stage := k.New()
		if err := json.Unmarshal(spec, stage); err != nil {
			return pipeline.Kind{}, nil, fmt.Errorf("reading the spec of a %s %q stage: %w", block, typ, err)
		}
		return k, stage, nil
	}
	return pipeline.Kind{}, nil, fmt.Errorf("this program has no %s stage of type %q", block, typ)
}
