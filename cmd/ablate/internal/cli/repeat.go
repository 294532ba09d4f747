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
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// repeatRequest asks to compute a cached instance again, from its sources and in a
// store of its own, and to record beside the entry what differs. Artifacts that a
// collection removed are put back where the repetition made the same bytes.
type repeatRequest struct {
	runOptions
	Instance string
}

func (r repeatRequest) do(ctx context.Context, s *session) error {
	w, _, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	if err := t.Cached(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ablate-repeat-")
	if err != nil {
		return fmt.Errorf("creating a store for the repetition: %w", err)
	}
	defer os.RemoveAll(dir)
	scratch, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		return err
	}
	again, err := r.compute(ctx, w, scratch, t.Address)
	if err != nil {
		return err
	}
	e, err := compareResults(ctx, w.store, t, scratch, again)
	if err != nil {
		return err
	}
	if err := restore(ctx, w.store, t, scratch, again); err != nil {
		return fmt.Errorf("restoring collected artifacts: %w", err)
	}
	e.Executable, e.Host, e.Time = w.executable, w.session.host(w.executable).Name, time.Now().UTC().Format(time.RFC3339)
	if err := w.store.AddEvidence(t.Key, e); err != nil {
		return err
	}
	text, err := repeatText(w.store, t.Key)
	if err != nil {
		return err
	}
	s.show(view.Repeated{Address: t.Address.String(), Key: t.Key, Evidence: e, Text: text})
	return nil
}

// compute computes one instance, and what it depends on, in another store.
func (r repeatRequest) compute(ctx context.Context, w *workspace, store *cache.Local, a addr.Instance) (*planner.Task, error) {
	there := &workspace{session: w.session, graph: w.graph, store: store, memo: w.memo, executable: w.executable}
	there.planner = &planner.Planner{
		Graph: w.graph, Store: store, Memo: w.memo, Sources: w.planner.Sources, Frozen: w.planner.Frozen,
		Select: func(_ *planner.Planner, x addr.Instance) bool { return x == a },
	}
	plan, err := there.planner.Plan(ctx)
	if err != nil {
		return nil, err
	}
	shown := w.session.view().NewProgress(r.Progress, plan.CountTrials(planner.Run, planner.Pending), trialNames(w, plan))
	runner, err := there.runner(ctx, r.runOptions, shown.Observe)
	if err != nil {
		return nil, err
	}
	_, err = runner.Run(ctx, plan)
	shown.Close()
	return plan.Task(a), err
}

// restore puts artifacts that the store lost back, where the repetition made the
// same bytes.
func restore(ctx context.Context, store cache.Store, t *planner.Task, scratch cache.Store, again *planner.Task) error {
	found, err := store.Lookup(ctx, t.Key)
	if err != nil {
		return err
	}
	for _, name := range found[0].Absent {
		lost, _ := t.Entry().Artifact(name)
		if a, ok := again.Entry().Artifact(name); !ok || a.Digest != lost.Digest {
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

// compareResults finds what differs between an entry and its repetition.
func compareResults(ctx context.Context, store cache.Store, t *planner.Task, scratch cache.Store, again *planner.Task) (cache.Evidence, error) {
	e := cache.Evidence{}
	if again.Key != t.Key {
		return e, errors.New("the repetition has another key, because a source changed meanwhile: run the study first")
	}
	for _, a := range t.Entry().Artifacts {
		if b, ok := again.Entry().Artifact(a.Name); !ok || a.Digest != b.Digest {
			e.Differ = append(e.Differ, a.Name)
		}
	}
	e.Equal = len(e.Differ) == 0
	first, err1 := readMetrics(ctx, store, t)
	second, err2 := readMetrics(ctx, scratch, again)
	if err := errors.Join(err1, err2); err != nil {
		return e, err
	}
	e.Largest = record.Differences(first, second)
	return e, nil
}

// repeatText summarises the repetitions of a key; "" where there are none.
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
		return fmt.Sprintf("repeated %s, bit-identical", times(equal)), nil
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(largest)) {
		if largest[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s differs by up to %.3g", name, largest[name]))
		}
	}
	if parts == nil {
		parts = []string{"no metric differs"}
	}
	return fmt.Sprintf("repeated %s, bit-identical in %d; %s", times(len(list)), equal, strings.Join(parts, ", ")), nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
