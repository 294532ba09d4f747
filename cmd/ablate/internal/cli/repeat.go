package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl/addr"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// repeat computes a cached instance again, from its sources and in a store of
// its own, and keeps beside the entry what differs: the noise floor of equal
// trials. What a collection took from the store and comes out the same is put
// back.
func (g *globals) repeat(ctx context.Context, typed string, jobs int, mode string) error {
	w, plan, err := g.planned(ctx)
	if err != nil {
		return err
	}
	s, err := g.step(plan, typed)
	if err != nil {
		return err
	}
	if err := s.Cached(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ablate-repeat-")
	if err != nil {
		return fmt.Errorf("making a store for the repetition: %w", err)
	}
	defer os.RemoveAll(dir)
	scratch, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		return err
	}
	again, err := g.runIn(ctx, w, scratch, s.Address, jobs, mode)
	if err != nil {
		return err
	}
	e, err := compare(ctx, w.store, s, scratch, again)
	if err != nil {
		return err
	}
	if err := restore(ctx, w.store, s, scratch, again); err != nil {
		return fmt.Errorf("bringing back what was collected: %w", err)
	}
	e.Executable, e.Host, e.Time = w.executable, action.ThisHost(w.executable).Name, time.Now().UTC().Format(time.RFC3339)
	if err := w.store.AddEvidence(s.Key, e); err != nil {
		return err
	}
	text, err := repeatText(w.store, s.Key)
	if err != nil {
		return err
	}
	g.view().Object(map[string]any{"type": "repeated", "address": s.Address.String(), "key": s.Key, "evidence": e})
	g.view().Text(fmt.Sprintf("%s\n  %s\n", s.Address, text))
	return nil
}

// runIn computes one instance and what it needs in another store.
func (g *globals) runIn(ctx context.Context, w *workspace, store *cache.Local, a addr.Instance, jobs int, mode string) (*planner.Task, error) {
	p := &planner.Planner{
		Graph: w.graph, Store: store, Memo: w.memo, Sources: w.planner.Sources, Frozen: w.planner.Frozen,
		Select: func(_ *planner.Planner, x addr.Instance) bool { return x == a },
	}
	there := *w
	there.planner, there.store = p, store
	plan, err := p.Plan(ctx)
	if err != nil {
		return nil, err
	}
	shown := g.view().NewProgress(mode, plan.CountTrials(planner.Run, planner.Pending))
	runner, err := g.runnerIn(ctx, &there, store.Dir(), jobs, shown.Observe)
	if err != nil {
		return nil, err
	}
	_, err = runner.Run(ctx, plan)
	shown.Close()
	return plan.Task(a), err
}

// restore puts artifacts that the store has lost back, where the repetition made
// the same.
func restore(ctx context.Context, store cache.Store, s *planner.Task, scratch cache.Store, again *planner.Task) error {
	found, err := store.Lookup(ctx, s.Key)
	if err != nil {
		return err
	}
	for _, name := range found[0].Absent {
		lost, _ := s.Entry.Artifact(name)
		if a, ok := again.Entry.Artifact(name); !ok || a.Digest != lost.Digest {
			continue
		}
		if err := copyBlob(ctx, store, scratch, lost); err != nil {
			return err
		}
	}
	return nil
}

func copyBlob(ctx context.Context, to, from cache.Store, a cache.Artifact) error {
	r, err := from.Open(ctx, a.Digest)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := to.Create(ctx, a.MediaType)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(err, w.Abort())
	}
	_, _, err = w.Commit()
	return err
}

// compare finds what differs between an entry and its repetition.
func compare(ctx context.Context, store cache.Store, s *planner.Task, scratch cache.Store, again *planner.Task) (cache.Evidence, error) {
	e := cache.Evidence{}
	if again.Key != s.Key {
		return e, errors.New("the repetition came to another key: a source changed meanwhile; run the study first")
	}
	for _, a := range s.Entry.Artifacts {
		if b, ok := again.Entry.Artifact(a.Name); !ok || a.Digest != b.Digest {
			e.Differ = append(e.Differ, a.Name)
		}
	}
	e.Equal = len(e.Differ) == 0
	first, err1 := readMetrics(ctx, store, s)
	second, err2 := readMetrics(ctx, scratch, again)
	if err := errors.Join(err1, err2); err != nil {
		return e, err
	}
	e.Largest = record.Differences(first, second)
	return e, nil
}

// repeatText says in one line what repetitions of a key found.
func repeatText(store *cache.Local, k cache.Key) (string, error) {
	list, err := store.Evidence(k)
	if err != nil || len(list) == 0 {
		return "", err
	}
	equal := 0
	largest := make(map[string]float64)
	for _, e := range list {
		if e.Equal {
			equal++
		}
		for name, v := range e.Largest {
			largest[name] = max(largest[name], v)
		}
	}
	if equal == len(list) {
		return fmt.Sprintf("repeated %s, the same to the last bit", times(equal)), nil
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(largest)) {
		if largest[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s by up to %.3g", name, largest[name]))
		}
	}
	if parts == nil {
		parts = []string{"none of its metrics"}
	}
	return fmt.Sprintf("repeated %s, the same to the last bit in %d; %s", times(len(list)), equal, strings.Join(parts, ", ")), nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
