package planner

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
)

// Store is what planning and running need of the cache.
type Store interface {
	cache.Store
	// Entries yields the entries of one kind, newest first.
	Entries(ctx context.Context, block, typ string) iter.Seq2[cache.Entry, error]
	// TryLock takes the key for this process; ok is false while another has it.
	TryLock(key cache.Key) (unlock func() error, ok bool, err error)
	// Lost is closed when another machine takes a locked key over, believing
	// this process dead.
	Lost(key cache.Key) <-chan struct{}
}

// Puller is a store that finds entries elsewhere, too.
type Puller interface {
	// Pull brings an entry that Lookup found away. Artifacts that are optional
	// may be missing there.
	Pull(ctx context.Context, e cache.Entry, optional func(artifact string) bool) error
	// Near is the store without what is elsewhere.
	Near() cache.Store
}

// near is where states are looked for: they are not shared.
func (p *Planner) near() cache.Store {
	if t, ok := p.Store.(Puller); ok {
		return t.Near()
	}
	return p.Store
}

// Planner says what a run would do. It changes nothing.
type Planner struct {
	Graph   *graph.Graph
	Store   Store
	Sources pipeline.Sources
	Memo    pipeline.Memo
	// Select restricts the plan to the instances it accepts and what they
	// need. Nil selects all.
	Select func(*Planner, addr.Instance) bool

	// Frozen is what the study's lock says of analyses, by address.
	Frozen map[string]pipeline.Frozen
	// Partial lets stages that can answer from some of their inputs do so.
	Partial bool

	shared pipeline.Shared
}

// Plan resolves every selected instance as far as the store allows. Mistakes
// that only inputs bring to light come back as an error holding a diag.List.
func (p *Planner) Plan(ctx context.Context) (*Plan, error) {
	plan := &Plan{planner: p, of: make(map[*graph.Node]*Task, len(p.Graph.Nodes)), first: newFirsts()}
	var found graph.Findings
	selected := p.selected()
	for _, level := range p.Graph.Levels {
		var steps []*Task
		for _, n := range level {
			if selected != nil && !selected[n] {
				continue
			}
			s := newStep(plan, n)
			plan.of[n] = s
			steps = append(steps, s)
		}
		if err := p.resolve(ctx, plan, steps, &found); err != nil {
			return nil, err
		}
		plan.Tasks = append(plan.Tasks, steps...)
	}
	if err := found.List.Err(); err != nil {
		return nil, err
	}
	plan.Warnings = append(found.List, plan.twins()...)
	plan.Warnings = append(plan.Warnings, plan.mixedClasses()...)
	return plan, p.giveReasons(ctx, plan.Tasks)
}

func newStep(plan *Plan, n *graph.Node) *Task {
	a := n.Instance.Address
	return &Task{Address: a, Block: a.Stage.Block, Role: n.Kind.Role, Label: n.Instance.Label, plan: plan, node: n}
}

// selected is the set of nodes that the plan covers, nil for all.
func (p *Planner) selected() map[*graph.Node]bool {
	if p.Select == nil {
		return nil
	}
	set := make(map[*graph.Node]bool)
	var add func(n *graph.Node)
	add = func(n *graph.Node) {
		if set[n] {
			return
		}
		set[n] = true
		for dep := range n.Deps() {
			add(dep)
		}
	}
	for _, n := range p.Graph.Nodes {
		if p.Select(p, n.Instance.Address) {
			add(n)
		}
	}
	return set
}

// resolve settles steps whose dependencies have been resolved before: pending,
// hit or run. One Lookup serves them all.
func (p *Planner) resolve(ctx context.Context, plan *Plan, steps []*Task, found *graph.Findings) error {
	var asked []*Task
	var keys []cache.Key
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		ready, err := p.describe(plan, s, found)
		if err != nil {
			return fmt.Errorf("describing %s: %w", s.Address, err)
		}
		if ready {
			asked = append(asked, s)
			keys = append(keys, s.Key)
			if s.node.Instance.Factors != nil {
				s.action = nil // ten thousand of them are many, and most are cached
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	answers, err := p.Store.Lookup(ctx, keys...)
	if err != nil {
		return fmt.Errorf("asking the store: %w", err)
	}
	for i, s := range asked {
		if f := answers[i]; !f.OK || f.Away || len(f.Absent) > 0 {
			if _, err := s.Action(); err != nil {
				return err
			}
		}
		s.settle(answers[i])
		plan.first.pair(s)
		if err := p.survey(ctx, plan, s); err != nil {
			return fmt.Errorf("looking for parts of %s: %w", s.Address, err)
		}
	}
	return nil
}

// survey turns a run into a resume where a part of it is cached.
func (p *Planner) survey(ctx context.Context, plan *Plan, s *Task) error {
	stage, ok := s.node.Stage.(pipeline.Resumable)
	if !ok || s.Status != Run {
		return nil
	}
	in, _, _ := p.inputs(plan, s)
	states := action.StatesOf(p.near(), s.node.Kind.Kind, action.ClassOf(s.node.Stage), s.Address)
	found, err := stage.Survey(ctx, in, states)
	if err != nil || found.Text == "" {
		return err
	}
	s.Status, s.Survey = Resume, found
	return nil
}

// describe computes a step's key if all it depends on is known.
func (p *Planner) describe(plan *Plan, s *Task, found *graph.Findings) (ready bool, err error) {
	in, waits, broken := p.inputs(plan, s)
	if broken {
		s.invalid = true
		return false, nil
	}
	if len(waits) > 0 {
		s.Status, s.Reason = Pending, Reason{Text: "waits for " + waitText(waits)}
		return false, nil
	}
	s.action, err = p.describeNode(s.node, in)
	if list, ok := diag.From(err); ok {
		found.Add(s.node, list)
		s.invalid = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.Absent = len(in.Absent)
	s.Key = s.action.Key()
	if s.node.Kind.Role == pipeline.Definition {
		s.self = []pipeline.Input{s.input()}
	}
	return true, nil
}

// describeNode makes the action of a node whose inputs are known.
func (p *Planner) describeNode(n *graph.Node, in pipeline.Inputs) (*action.Action, error) {
	return action.Describe(action.Subject{
		Address: n.Instance.Address, Kind: n.Kind, Spec: n.Stage, Inputs: in, Strict: p.Graph.Study.Numerics == "strict",
	})
}

// inputs collects what a step refers to. waits lists the addresses whose
// content is not known yet; broken means that one of them cannot be described.
func (p *Planner) inputs(plan *Plan, s *Task) (in pipeline.Inputs, waits []addr.Instance, broken bool) {
	n := s.node
	in = pipeline.Inputs{
		Study:   pipeline.StudyInfo{Seed: p.Graph.Study.Seed, Dir: p.Graph.Study.Dir},
		Sources: p.Sources,
		Memo:    p.Memo,
		Class:   p.numericsClass(n),
		Shared:  &p.shared,
	}
	if f, ok := p.Frozen[s.Address.String()]; ok {
		in.Frozen = &f
	}
	if len(n.Needs) > 0 {
		in.Refs = make(map[string][]pipeline.Input, len(n.Needs))
	}
	for _, need := range n.Needs {
		known, missing := 0, []addr.Instance(nil)
		for _, dep := range need.On {
			d := plan.of[dep]
			broken = broken || d.invalid
			if d.known() {
				known++
			} else {
				missing = append(missing, d.Address)
			}
		}
		if p.goesWithout(n, need.Attr) && known > 0 {
			in.Absent = missing
		} else {
			waits = append(waits, missing...)
		}
		if broken || len(waits) > 0 {
			continue
		}
		if one := plan.of[need.On[0]]; len(need.On) == 1 && one.self != nil {
			in.Refs[need.Attr] = one.self
			continue
		}
		refs := make([]pipeline.Input, 0, known)
		for _, dep := range need.On {
			if d := plan.of[dep]; d.known() {
				refs = append(refs, d.input())
			}
		}
		in.Refs[need.Attr] = refs
	}
	return in, waits, broken
}

// goesWithout reports whether a stage may go without some members of an attribute.
func (p *Planner) goesWithout(n *graph.Node, attr string) bool {
	return p.Partial && n.Kind.Partial == attr
}

// known reports whether consumers of the step can compute their keys.
func (s *Task) known() bool { return s.node.Kind.Role == pipeline.Definition || s.content }

func (s *Task) input() pipeline.Input {
	inst, k := s.node.Instance, s.node.Kind
	in := pipeline.Input{
		Address: s.Address, Label: inst.Label, Factors: inst.Factors,
		Stage: s.node.Stage, Ref: pipeline.Ref{Block: k.Block, Type: k.Type, Version: k.Version},
	}
	// Consumers of a definition do not wait for it, so they see no artifacts
	// that another worker may be publishing at this moment.
	if k.Role == pipeline.Definition {
		if s.action != nil {
			in.Ref, in.Recipe = s.action.AsDefinition()
		}
		return in
	}
	in.Key, in.Artifacts = s.Key, s.Entry.Artifacts
	return in
}

func (p *Planner) numericsClass(n *graph.Node) string {
	if c, ok := n.Stage.(pipeline.Classed); ok && p.Graph.Study.Numerics == "strict" {
		return c.NumericsClass()
	}
	return ""
}

// settle turns the store's answer into an action. Artifacts that may be
// evicted do not count as missing.
func (s *Task) settle(f cache.Found) {
	s.Status = Run
	if !f.OK {
		return
	}
	if lost := s.lost(f); len(lost) > 0 {
		s.Reason = Reason{Text: "cached, but its " + strings.Join(lost, " and ") + " is gone from the store"}
		return
	}
	s.Status, s.Entry = Hit, f.Entry
	if f.Away {
		s.Status, s.Reason = Pull, Reason{Text: "a remote has it"}
	}
	s.content = true
	if k := s.node.Kind; k.Role != pipeline.Definition && s.node.Instance.Factors == nil {
		s.self = []pipeline.Input{s.input()}
	}
}

// lost lists the outputs that consumers rely on and the store has not got.
func (s *Task) lost(f cache.Found) []string {
	var out []string
	for _, name := range f.Absent {
		for _, o := range s.Outputs() {
			if o.Name == name && o.Retention != cache.Evict {
				out = append(out, name)
			}
		}
	}
	return out
}

// waitText names what a pending step waits for, stage by stage.
func waitText(waits []addr.Instance) string {
	const most = 3
	var parts []string
	counts := make(map[addr.Stage]int)
	for _, w := range waits {
		counts[w.Stage]++
	}
	for _, w := range waits {
		n, first := counts[w.Stage]
		if !first {
			continue
		}
		delete(counts, w.Stage)
		switch {
		case n > 1:
			parts = append(parts, fmt.Sprintf("%s (%d)", w.Stage, n))
		default:
			parts = append(parts, w.String())
		}
	}
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("%d more", len(parts)-most))
	}
	return strings.Join(parts, ", ")
}
