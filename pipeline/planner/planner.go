// Package planner decides what a run would do and why: which results are cached,
// which a remote has, which must be computed. It changes nothing.
package planner

import (
	"context"
	"fmt"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
)

// Planner is configured with the instances of a study, the store that may have their
// results, the files that they read, and a memo of digests that are costly to compute.
type Planner struct {
	Graph   *graph.Graph
	Store   Store
	Sources pipeline.Sources
	Memo    pipeline.Memo
	// Select restricts the plan to the instances it accepts and what they
	// need. Nil selects all.
	Select func(*Planner, addr.Instance) bool

	// Frozen holds the declarations in the study's lock file, by address.
	Frozen map[string]pipeline.Frozen
	// Partial lets stages that accept missing inputs be planned without them.
	Partial bool
	// Without are analyses that have no answer. Only these may be missing where a stage
	// accepts missing analyses: others are yet to be answered.
	Without map[addr.Instance]bool

	shared pipeline.Shared
}

// Plan resolves every selected instance as far as the store allows. User mistakes
// that only show once inputs are known are returned as an error that holds a
// diag.List.
func (p *Planner) Plan(ctx context.Context) (*Plan, error) {
	plan := &Plan{planner: p, of: make([]*Task, len(p.Graph.Nodes)), keys: newKeyOwners()}
	var found graph.Findings
	selected := p.selected()
	for _, level := range p.Graph.Levels {
		tasks := newTasks(plan, level, selected)
		if err := p.resolve(ctx, plan, p.Store, tasks, &found); err != nil {
			return nil, err
		}
		plan.Tasks = append(plan.Tasks, tasks...)
	}
	list := found.List(p.Graph)
	if err := list.Err(); err != nil {
		return nil, err
	}
	plan.Warnings = append(list, plan.duplicateTrials()...)
	plan.Warnings = append(plan.Warnings, plan.mixedClasses()...)
	return plan, p.giveReasons(ctx, plan.Tasks)
}

// newTasks makes the tasks of the selected nodes of a level; nil selects all.
func newTasks(plan *Plan, level []*graph.Node, selected map[*graph.Node]bool) []*Task {
	memory := make([]Task, len(level))
	tasks := make([]*Task, 0, len(level))
	for i, n := range level {
		if selected != nil && !selected[n] {
			continue
		}
		a, t := n.Instance.Address, &memory[i]
		*t = Task{Address: a, Block: a.Stage.Block, Role: n.Kind.Role, Label: n.Instance.Label, plan: plan, node: n}
		plan.of[n.Index] = t
		tasks = append(tasks, t)
	}
	return tasks
}

// selected returns the nodes that the plan covers, nil for all.
func (p *Planner) selected() map[*graph.Node]bool {
	if p.Select == nil {
		return nil
	}
	set := make(map[*graph.Node]bool)
	for _, n := range p.Graph.Nodes {
		if p.Select(p, n.Instance.Address) {
			set[n] = true
			addDeps(set, n)
		}
	}
	return set
}

// addDeps adds everything that a node depends on to a set that is closed under
// dependencies.
func addDeps(set map[*graph.Node]bool, n *graph.Node) {
	for dep := range n.Deps() {
		if !set[dep] {
			set[dep] = true
			addDeps(set, dep)
		}
	}
}

// describe makes the action of a node whose inputs are known.
func (p *Planner) describe(n *graph.Node, in pipeline.Inputs) (action.Action, error) {
	return action.Describe(action.Subject{
		Address: n.Instance.Address, Kind: n.Kind, Spec: n.Stage, Inputs: in, Strict: p.strict(),
	})
}

// strict reports whether the numerics class is part of keys.
func (p *Planner) strict() bool { return p.Graph.Study.Numerics == "strict" }

// numericsClass returns the class that is part of a node's key, "" for none.
func (p *Planner) numericsClass(n *graph.Node) string {
	if !p.strict() {
		return ""
	}
	return action.ClassOf(n.Stage)
}

// Explain compares a task with the nearest entry that is not its own.
func (p *Planner) Explain(ctx context.Context, t *Task) (Reason, error) {
	return newExplainer(p, maxCandidates).reason(ctx, t)
}

// Compare lists what differs between the ingredients of two tasks whose keys
// are known: from the first to the second.
func (p *Planner) Compare(from, to *Task) ([]Change, error) {
	was, notes, err := from.Describe()
	if err != nil {
		return nil, err
	}
	if _, err := to.Action(); err != nil {
		return nil, err
	}
	return changesOf(differences(pastAction{ingredients: was, notes: notes}, to), to), nil
}

// giveReasons fills in why each task has its status.
func (p *Planner) giveReasons(ctx context.Context, tasks []*Task) error {
	unexplained := 1
	for _, t := range tasks {
		if t.computes() {
			unexplained++
		}
	}
	x := newExplainer(p, max(4, maxComparisons/unexplained))
	for _, t := range tasks {
		if t.Status == Hit {
			t.Reason.Text = "cached"
		}
		if !t.computes() || t.Reason.Text != "" {
			continue
		}
		var err error
		if t.Reason, err = x.reason(ctx, t); err != nil {
			return fmt.Errorf("explaining %s: %w", t.Address, err)
		}
		if t.Status == Resume {
			t.Reason.Text += "; " + t.Survey.Text
		}
	}
	return nil
}
