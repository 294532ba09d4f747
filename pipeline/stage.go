// Package pipeline is the contract between stages and the packages below this
// folder, which turn a loaded study into a plan and a plan into artifacts.
//
// It imports none of those packages, and neither do stages: main hands the list of
// kinds to package graph.
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
	// Program says that a user program does the work. The child only supervises
	// it, and may be reused for the next action.
	Program bool
	// Partial names the attribute whose members may be missing when the user asks
	// for partial answers. "" for a stage that needs all of them.
	Partial string

	New func() Stage // pre-filled with frozen defaults; always a pointer to a struct
}

// Stage is a decoded block: plain exported data (it travels as JSON to child
// processes) plus behaviour. Struct tags are those of package hcl/spec.
type Stage interface {
	// Validate checks the spec alone and reports attribute paths. No I/O.
	Validate() diag.List
	// Describe returns what the key depends on and what Run creates. It is pure,
	// except that it reads sources and uses the memo. User mistakes are returned
	// as diag.List.Err().
	Describe(in Inputs) (Recipe, error)
	// Run does the work and creates every output that Describe promised.
	Run(ctx context.Context, env *Env) error
}

// Recipe is what an action depends on beside its own spec, and what it makes.
// Package action adds block, type, version and the encoded spec.
type Recipe struct {
	Inputs cache.Value // a map by attribute: the parts of each input's content that matter
	Code   cache.Value // a map by part: fingerprints of the computation

	// Notes are stored beside the ingredients for explain and show, and are never
	// hashed: a map of "inputs", the references that Code stands for, and "parts",
	// the fingerprints of the parts of a computation, each alone. Where an attribute
	// has a reference for each of several parts, "wholes" has under its name a map of
	// those that one reference would stand for.
	Notes cache.Value

	Outputs []Output
	Work    func() Work // how much there is to compute; nil where it is little

	// Warnings returns what a plan warns of; nil for nothing. It may read sources.
	Warnings func() diag.List

	Affinity Affinity // which process should compute it
}

// Work is the estimated size of an action.
type Work struct {
	Parameters    int64   `json:"parameters"`
	Tokens        int64   `json:"tokens"`
	FLOPsPerToken float64 `json:"flops_per_token"`
	Memory        Memory  `json:"memory"`
	Device        int64   `json:"device_memory,omitempty"` // bytes of the device's memory; 0 where unknown
}

// Memory is the peak memory of an action, in bytes.
type Memory struct {
	Parameters  int64 `json:"parameters"`
	State       int64 `json:"state"` // of the optimizer
	Gradients   int64 `json:"gradients"`
	Logits      int64 `json:"logits"`      // estimated
	Activations int64 `json:"activations"` // estimated
	Update      int64 `json:"update"`      // estimated: the optimizer's temporaries, once logits and activations are freed
}

// Minimum is the part that is known exactly.
func (m Memory) Minimum() int64 { return m.Parameters + m.State + m.Gradients }

// Total is the whole, with estimates.
func (m Memory) Total() int64 { return m.Minimum() + max(m.Logits+m.Activations, m.Update) }

// Fits reports whether the action may fit its device. Estimates do not count
// against it.
func (w Work) Fits() bool { return w.Device == 0 || w.Memory.Minimum() <= w.Device }

// FLOPs is the number of floating-point operations of the whole action.
func (w Work) FLOPs() float64 { return w.FLOPsPerToken * float64(w.Tokens) }

// Output is an artifact that Run promises to create.
type Output struct {
	Name      string
	MediaType string
	Retention cache.Retention // a hit stays a hit where an output with Evict is missing from the store
	Optional  bool            // Run may end without it
}

// NumericsClasser is a stage whose bits depend on the machine that computes them.
// The class is recorded with each entry; under numerics = "strict" it is part of
// the key.
type NumericsClasser interface {
	NumericsClass() string
}

// EnvPassthrough is a stage that lets variables of the user's environment through
// to the program it runs, by name. Their values are not part of the key.
type EnvPassthrough interface {
	Passes() []string
}

// StudyInfo is what stages may know about the study as a whole.
type StudyInfo struct {
	Name string `json:"name,omitempty"` // noted beside results, so that explanations can tell studies apart; never part of a key
	Seed int64  `json:"seed"`           // the study seed of design streams; default 0
	Dir  string `json:"-"`              // its folder, which relative paths start from; never part of a key
}

// Inputs is what Describe and Run may read: the instances that the spec refers to,
// by attribute name.
type Inputs struct {
	Study   StudyInfo
	Refs    map[string][]Input // by attribute path; several for a list of references
	Absent  []addr.Instance    // of a partial plan: references without a result
	Class   string             // the numerics class where it is part of keys, else ""
	Shared  *Shared            // of the plan; nil computes every time
	Frozen  *Frozen            // the lock file's record of this instance, if any
	Sources Sources
	Memo    Memo
}

// One returns the only input at an attribute. It panics where there is not exactly
// one, which the language has checked.
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
	Label     string           // the label, or a short name
	Factors   []*addr.Factor   // of a matrix cell, sorted by name
	Stage     Stage            // its decoded spec
	Ref       Ref              // of a definition
	Code      cache.Value      // of a definition's recipe
	Key       cache.Key        // of the action that made the artifacts; zero for a definition
	Artifacts []cache.Artifact // sorted by name
	Declared  func() Inputs    // what its own inputs declare; in Check alone
}

// Artifact returns the artifact of that name.
func (in Input) Artifact(name string) (a cache.Artifact, ok bool) {
	return cache.Entry{Artifacts: in.Artifacts}.Artifact(name)
}

// Digest returns the digest of the named artifact, zero where there is none.
func (in Input) Digest(name string) cache.Digest {
	a, _ := in.Artifact(name)
	return a.Digest
}

// Ref is the identity of a definition, its kind and spec, as part of other keys. It is
// zero for other instances, whose content stands for them.
type Ref struct{ of *identity }

type identity struct{ value, digest cache.Value }

// NewRef returns the identity of a kind with an encoded spec.
func NewRef(k Kind, spec cache.Value) Ref {
	if k.Role != Definition {
		return Ref{}
	}
	value := cache.Map(map[string]cache.Value{
		"block": cache.String(k.Block), "type": cache.String(k.Type),
		"version": cache.Int(int64(k.Version)), "spec": spec,
	})
	return Ref{&identity{value: value, digest: cache.DigestValue(cache.Digest(value.Key("ablate definition v1")))}}
}

// Value is the form in which a definition enters the key of its consumers.
func (r Ref) Value() cache.Value {
	if r.of == nil {
		return cache.Value{}
	}
	return r.of.value
}

// Digest stands for Value where only equality matters, as in the memo.
func (r Ref) Digest() cache.Value {
	if r.of == nil {
		return cache.Value{}
	}
	return r.of.digest
}

// Sources reads the user's files. Paths are absolute or relative to the study's
// folder; .gz and .zst files are decompressed.
type Sources interface {
	// Expand turns a file, a folder (recursively) or a glob into files, sorted
	// bytewise, without those that a glob of exclude matches. The list is empty
	// where nothing matches.
	Expand(pattern string, exclude ...string) ([]string, error)
	// Digest returns the digest and size of a file's decompressed content.
	Digest(path string) (cache.Digest, int64, error)
	// Open reads a file's decompressed content.
	Open(path string) (io.ReadCloser, error)
}

// Memo caches digests that are costly to compute, under the digest of the running
// executable: a rebuilt program starts afresh.
type Memo interface {
	Digest(what cache.Value, compute func() (cache.Digest, error)) (cache.Digest, error)
}

// Shared caches values that the instances of one plan have in common, so that ten
// thousand trials do not compute them ten thousand times.
type Shared struct {
	mu     sync.Mutex
	values map[any]any
}

// Value returns the value for a key, computing it the first time. Keys are
// comparable structs of a type that the caller defines. Values of different keys are
// computed concurrently.
func (s *Shared) Value(key any, compute func() (cache.Value, error)) (cache.Value, error) {
	return share(s, key, compute)
}

// ShareOf returns the one V that the instances of a plan have in common that are equal
// in a key. It is zero at first, and has a sync.Once for what is computed once.
func ShareOf[V any, K comparable](s *Shared, key K) *V {
	if s == nil {
		return new(V)
	}
	type table struct{} // one for each V and K
	s.mu.Lock()
	defer s.mu.Unlock()
	known, _ := s.values[table{}].(map[K]*V)
	if known == nil {
		known = make(map[K]*V)
		s.set(table{}, known)
	}
	one := known[key]
	if one == nil {
		one = new(V)
		known[key] = one
	}
	return one
}

// set stores a value. The caller holds mu.
func (s *Shared) set(key, value any) {
	if s.values == nil {
		s.values = make(map[any]any)
	}
	s.values[key] = value
}

func share[T any](s *Shared, key any, compute func() (T, error)) (T, error) {
	if s == nil {
		return compute()
	}
	s.mu.Lock()
	once, ok := s.values[key].(func() (T, error))
	if !ok {
		once = sync.OnceValues(compute)
		s.set(key, once)
	}
	s.mu.Unlock()
	return once()
}

// Env is what Run works with.
type Env struct {
	Address addr.Instance
	Key     cache.Key
	Inputs  Inputs
	Log     *slog.Logger
	Threads int  // cores this action may use
	Trace   bool // report files that are read without being declared
	States  States
	Kept    *Kept // what this process keeps for its next action; nil keeps nothing

	// Open reads an artifact of an input.
	Open func(d cache.Digest) (io.ReadCloser, error)
	// Map maps an artifact of an input into memory, for random access.
	Map func(d cache.Digest) (*cache.Mapped, error)
	// Create creates the named output; closing it commits it.
	Create func(name string) (io.WriteCloser, error)
	// Mixed records that the result depends on a state or an observation of another
	// numerics class.
	Mixed func(class string)
	// Warn shows the user a warning.
	Warn func(text string)
	// Computed reports which share of the action's work was computed rather than found
	// in cached states. A stage that does not call it computed everything. It may be nil.
	Computed func(share float64)
	// Resumes says that the work goes on from a state: the time that this took to reach is
	// time of this action, too. It may be nil.
	Resumes func(state cache.Entry)
	// Progress reports how far the action is. It does not block for long.
	Progress func(Progress)
}

// WriteJSON writes a document as the named output.
func (e *Env) WriteJSON(name string, doc any) error {
	w, err := e.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(w).Encode(doc), w.Close())
}

// definition is the only output of a definition.
const definition = "definition"

// DefinitionOutputs lists what a definition promises: its resolved spec.
func DefinitionOutputs() []Output {
	return []Output{{Name: definition, MediaType: "application/json"}}
}

// WriteDefinition implements Run for definitions.
func (e *Env) WriteDefinition(spec Stage) error { return e.WriteJSON(definition, spec) }

// Progress is what a stage reports while it runs; views render it.
type Progress struct {
	Step    int                `json:"step"`
	Steps   int                `json:"steps"`
	Metrics map[string]float64 `json:"metrics,omitempty"` // loss, tokens_per_second, …
	Warning string             `json:"warning,omitempty"` // instead of the rest
	Waits   string             `json:"waits,omitempty"`   // why the action has not started yet
}
