// Package pipeline is the contract between stages and the machinery below it in
// this folder, which turns a loaded study into a plan and a plan into artifacts.
//
// It imports none of that machinery, and neither do stages: main hands the list
// of kinds to package graph.
package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// Role is what the instances of a kind are in a study. Code outside of the stages
// asks for the role of a kind, never for the name of its block.
type Role int

// The roles of kinds.
const (
	// Data prepares input for trials.
	Data Role = 1 + iota
	// Definition describes a part of a computation. Its recipe is known without
	// running it, so consumers do not wait for it; running one writes its document.
	Definition
	// Trial trains or measures once per cell and replicate. Its block may hold a
	// matrix.
	Trial
	// Analysis concludes from trials.
	Analysis
)

// Kind describes one type of stage to the language, the planner and the docs.
type Kind struct {
	Block, Type string
	Version     int    // bump when the same spec would now give other bytes
	Doc         string // one or two sentences for the reference

	Role Role // what its instances are in a study
	// Child makes instances run in a process of their own (ablate exec).
	Child bool
	// Program says that the work is done by a program of the user's, in a
	// process of its own once more: the child only looks after it, and may look
	// after another one's afterwards.
	Program bool
	// Partial names the attribute whose members may be missing when the user
	// asks for answers from what there is. "" for a stage that needs all.
	Partial string

	New func() Stage // pre-filled with frozen defaults; always a pointer to a struct
}

// Stage is a decoded block: plain exported data (it travels as JSON to child
// processes) plus behaviour. Struct tags are those of package hcl/spec.
type Stage interface {
	// Validate checks the spec alone and reports attribute paths. No I/O.
	Validate() diag.List
	// Describe says what goes into the key and what comes out. It is pure but
	// for reading sources and asking the memo. Mistakes of the user are
	// returned as diag.List.Err().
	Describe(in Inputs) (Recipe, error)
	// Run does the work and creates every output that Describe promised.
	Run(ctx context.Context, env *Env) error
}

// Recipe is what one action depends on beside its own spec, and what it makes.
// The pipeline adds block, type, version and the encoded spec.
type Recipe struct {
	Inputs cache.Value // a map by attribute: what of each input's content counts
	Code   cache.Value // a map by part: fingerprints of the computation

	// Notes are stored beside the ingredients for explain and show, and are never
	// hashed: a map of "inputs", the references that Code stands for, and "parts",
	// the fingerprints of the parts of a computation, each alone.
	Notes cache.Value

	Outputs []Output
	Work    func() Work // how much there is to compute; nil for what is light
}

// Work is the size of an action, for people.
type Work struct {
	Parameters    int64   `json:"parameters"`
	Tokens        int64   `json:"tokens"`
	FLOPsPerToken float64 `json:"flops_per_token"`
	Memory        Memory  `json:"memory"`
	Device        int64   `json:"device_memory,omitempty"` // bytes of what it runs on; 0 for not known
}

// Memory is what an action needs at a time, in bytes.
type Memory struct {
	Parameters  int64 `json:"parameters"`
	State       int64 `json:"state"` // of the optimizer
	Gradients   int64 `json:"gradients"`
	Logits      int64 `json:"logits"`      // estimated
	Activations int64 `json:"activations"` // estimated
	Update      int64 `json:"update"`      // estimated: what the optimizer works with, when logits and activations are gone
}

// Least is what it needs whatever the program makes of the rest.
func (m Memory) Least() int64 { return m.Parameters + m.State + m.Gradients }

// Total is the estimate of all.
func (m Memory) Total() int64 { return m.Least() + max(m.Logits+m.Activations, m.Update) }

// Fits reports whether the action may fit its device. What is only estimated
// does not count against it.
func (w Work) Fits() bool { return w.Device == 0 || w.Memory.Least() <= w.Device }

// FLOPs is the arithmetic of the whole action, in operations.
func (w Work) FLOPs() float64 { return w.FLOPsPerToken * float64(w.Tokens) }

// Output is an artifact that Run promises to create.
type Output struct {
	Name      string
	MediaType string
	Retention cache.Retention // of an output to evict, its absence from the store alone does not make a hit a miss
	Optional  bool            // an outcome may lack it
}

// Classed is a stage whose bits depend on the machine that computes them. The
// class is recorded with each entry; under numerics = "strict" it is part of
// the key.
type Classed interface {
	NumericsClass() string
}

// Passing is a stage that lets variables of the user's environment through to
// what it runs, by name. Their values are no part of the key.
type Passing interface {
	Passes() []string
}

// StudyInfo is what stages may know of the study as a whole.
type StudyInfo struct {
	Seed int64  `json:"seed"` // the study seed of design streams; default 0
	Dir  string `json:"-"`    // its folder, by which files are named; never part of a key
}

// Inputs is what Describe and Run may look at: the instances that the spec
// refers to, by attribute name.
type Inputs struct {
	Study   StudyInfo
	Refs    map[string][]Input // by attribute path; several for a list of references
	Absent  []addr.Instance    // of a partial plan: what the spec refers to and nobody has computed
	Class   string             // the numerics class where it is part of keys, else ""
	Shared  *Shared            // of the plan; nil remembers nothing
	Frozen  *Frozen            // what the study's lock holds of this instance, if anything
	Sources Sources
	Memo    Memo
}

// One returns the only input at an attribute. It panics when there is not
// exactly one: the language has checked that before.
func (in Inputs) One(attr string) Input {
	refs := in.Refs[attr]
	if len(refs) != 1 {
		panic("pipeline: attribute " + attr + " does not hold exactly one reference")
	}
	return refs[0]
}

// Input is one instance that a stage refers to.
type Input struct {
	Address   addr.Instance
	Label     string           // for people: the label, or a short name
	Factors   []*addr.Factor   // of a matrix cell, sorted by name
	Stage     Stage            // its decoded spec
	Ref       Ref              // kind, version and, of a definition, the encoded spec: as keys see them
	Recipe    Recipe           // of a definition only
	Key       cache.Key        // of what made the artifacts; zero for a definition
	Artifacts []cache.Artifact // sorted by name
}

// Artifact returns the artifact of that name.
func (in Input) Artifact(name string) (a cache.Artifact, ok bool) {
	return cache.Entry{Artifacts: in.Artifacts}.Artifact(name)
}

// Digest is that of the named artifact, or zero where there is none.
func (in Input) Digest(name string) cache.Digest {
	a, _ := in.Artifact(name)
	return a.Digest
}

// Ref is the identity of an instance's kind and spec inside another's key.
type Ref struct {
	Block   string
	Type    string
	Version int
	Spec    cache.Value // encoded, defaults elided

	value  cache.Value
	digest cache.Value
}

// NewRef is the identity of a kind with an encoded spec.
func NewRef(k Kind, spec cache.Value) Ref {
	r := Ref{Block: k.Block, Type: k.Type, Version: k.Version, Spec: spec}
	if k.Role == Definition {
		r.value = cache.Map(map[string]cache.Value{
			"block": cache.String(k.Block), "type": cache.String(k.Type),
			"version": cache.Int(int64(k.Version)), "spec": spec,
		})
		r.digest = cache.DigestValue(cache.Digest(r.value.Key("ablate definition v1")))
	}
	return r
}

// Value is the form in which a definition enters the key of its consumers.
func (r Ref) Value() cache.Value { return r.value }

// Digest stands for Value where only equality counts, as in the memo.
func (r Ref) Digest() cache.Value { return r.digest }

// Sources reads the user's files. Paths are relative to the study's folder or
// absolute; .gz and .zst are seen decompressed.
type Sources interface {
	// Expand turns a file, a folder (recursively) or a glob into files, sorted
	// bytewise. Nothing matched is an empty list.
	Expand(pattern string) ([]string, error)
	// Digest returns the digest and size of a file's decompressed content.
	Digest(path string) (cache.Digest, int64, error)
	// Open reads a file's decompressed content.
	Open(path string) (io.ReadCloser, error)
}

// Memo remembers digests that are costly to compute, under the digest of the
// running executable: a rebuilt program forgets them all.
type Memo interface {
	Digest(what cache.Value, compute func() (cache.Digest, error)) (cache.Digest, error)
}

// Shared remembers what the instances of one plan have in common, so that ten
// thousand trials do not compute it ten thousand times.
type Shared struct {
	mu     sync.Mutex
	values map[any]cache.Value
}

// Value returns what was computed for a key, or computes it. Keys are
// comparable structs of a type of the caller's own.
func (s *Shared) Value(key any, compute func() (cache.Value, error)) (cache.Value, error) {
	if s == nil {
		return compute()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.values[key]; ok {
		return v, nil
	}
	v, err := compute()
	if err == nil {
		if s.values == nil {
			s.values = make(map[any]cache.Value)
		}
		s.values[key] = v
	}
	return v, err
}

// Env is what Run works with.
type Env struct {
	Address addr.Instance
	Key     cache.Key
	Inputs  Inputs
	Log     *slog.Logger
	Threads int  // cores this action may use
	Trace   bool // say what is read without being declared
	States  States

	// Open reads an artifact of an input.
	Open func(d cache.Digest) (io.ReadCloser, error)
	// Map shows an artifact of an input whole, to be read in any order.
	Map func(d cache.Digest) (*cache.Mapped, error)
	// Create begins the named output; Close commits it.
	Create func(name string) (io.WriteCloser, error)
	// Mixed records that the result rests on a state or an observation of another
	// numerics class.
	Mixed func(class string)
	// Warn tells the user of something that is no failure.
	Warn func(text string)
	// Progress reports how far the action is. It never blocks for long.
	Progress func(Progress)
}

// WriteJSON makes a whole output of one document.
func (e *Env) WriteJSON(name string, doc any) error {
	w, err := e.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(w).Encode(doc), w.Close())
}

// definition is the only output of stages that describe.
const definition = "definition"

// DefinitionOutputs is what a definition promises: its resolved spec.
func DefinitionOutputs() []Output {
	return []Output{{Name: definition, MediaType: "application/json"}}
}

// WriteDefinition is Run for stages that only describe.
func (e *Env) WriteDefinition(spec Stage) error { return e.WriteJSON(definition, spec) }

// Progress is a stage's own report; views draw it.
type Progress struct {
	Step    int                `json:"step"`
	Steps   int                `json:"steps"`
	Metrics map[string]float64 `json:"metrics,omitempty"` // loss, tokens_per_second, …
	Warning string             `json:"warning,omitempty"` // instead of the rest: something that is no failure
	Waits   string             `json:"waits,omitempty"`   // what the action waits for, before it starts
}
