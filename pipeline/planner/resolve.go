package planner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/graph"
)

// resolve decides the status of tasks whose dependencies are resolved. One Lookup
// serves them all.
func (p *Planner) resolve(ctx context.Context, plan *Plan, store Store, tasks []*Task, found *graph.Findings) error {
	described, err := p.describeAll(ctx, plan, tasks, found)
	if err != nil || len(described) == 0 {
		return err
	}
	keys := make([]cache.Key, len(described))
	for i, t := range described {
		keys[i] = t.Key
	}
	answers, err := store.Lookup(ctx, keys...)
	if err != nil {
		return fmt.Errorf("looking up results: %w", err)
	}
	for i, t := range described {
		if f := answers[i]; f.OK && !f.Away && len(f.Absent) == 0 {
			t.work = nil // nothing remains to be computed
		}
		t.settle(answers[i])
		plan.keys.claim(t)
	}
	preferFuller(described)
	return p.survey(ctx, plan, store, described)
}

// settle sets the status from the store's answer. A missing artifact that may be
// evicted does not make a hit a miss.
func (t *Task) settle(f cache.Found) {
	t.Status = Run
	if !f.OK {
		return
	}
	if wrong := t.unusable(*f.Entry); wrong != "" {
		t.Reason = Reason{Text: wrong}
		return
	}
	if lost := t.lost(f); len(lost) > 0 && !f.Away {
		t.Reason = Reason{Text: "cached, but its " + strings.Join(lost, " and ") + " is missing from the store"}
		return
	}
	t.Status, t.entry, t.Lost = Hit, f.Entry, f.Lost
	if f.Away {
		t.Status, t.Reason = Pull, Reason{Text: "available from the remote"}
	}
	t.content = true
	if t.Role != pipeline.Definition && !t.isCell() {
		t.self = []pipeline.Input{t.input()}
	}
}

// unusable says why an entry cannot be the result of the task, or "". A client
// with write access to a remote can publish anything under the task's key.
func (t *Task) unusable(e cache.Entry) string {
	k := t.node.Kind
	if e.Block != k.Block || e.Type != k.Type {
		return fmt.Sprintf("the cached entry is one of %s.%s", e.Block, e.Type)
	}
	for _, o := range t.promised {
		if _, ok := e.Artifact(o.Name); !ok && !o.Optional {
			return "the cached entry has no artifact " + o.Name
		}
	}
	return ""
}

// lost lists the outputs that consumers rely on and the store lacks.
func (t *Task) lost(f cache.Found) []string {
	var out []string
	for _, o := range t.promised {
		if o.Retention != cache.Evict && slices.Contains(f.Absent, o.Name) {
			out = append(out, o.Name)
		}
	}
	return out
}

// waitText lists what a pending task waits for, stage by stage.
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
		if n > 1 {
			parts = append(parts, fmt.Sprintf("%s (%d)", w.Stage, n))
		} else {
			parts = append(parts, w.String())
		}
	}
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("%d more", len(parts)-most))
	}
	return strings.Join(parts, ", ")
}
