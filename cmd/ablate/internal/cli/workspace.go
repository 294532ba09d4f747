package cli

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
)

// workspace is a loaded study with its store and remote.
type workspace struct {
	session    *session
	graph      *graph.Graph
	store      *cache.Local
	memo       *cache.Memo
	stats      *cache.StatCache
	planner    *planner.Planner
	executable cache.Digest
	remote     *remote.Remote // nil without one
	refused    refusals
}

// open loads the study, opens the store and restricts plans to the targets.
func (s *session) open(ctx context.Context, targets []string) (*workspace, error) {
	linked, err := s.loadStudy()
	if err != nil {
		return nil, err
	}
	store, err := s.openStore()
	if err != nil {
		return nil, err
	}
	w := &workspace{session: s, graph: linked, store: store, stats: store.StatCache()}
	if w.executable, err = digestExecutable(w.stats); err != nil {
		return nil, err
	}
	w.memo = store.Memo(w.executable)
	selects, err := selection(targets, linked)
	if err != nil {
		return nil, err
	}
	w.planner = &planner.Planner{Graph: linked, Store: store, Memo: w.memo, Select: selects}
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	return w, w.useLock()
}

// connect puts the remote behind the store.
func (w *workspace) connect(ctx context.Context) (err error) {
	if w.remote, err = w.session.openRemote(ctx, w.refused.add); err == nil && w.remote != nil {
		w.planner.Store = remote.Tiered{Local: w.store, Remote: w.remote}
	}
	return err
}

// useLock plans with the pins and frozen contrasts of the study's lock file.
func (w *workspace) useLock() error {
	lock, list := w.session.readLock()
	if err := append(list, lock.Damaged...).Err(); err != nil {
		return err
	}
	w.planner.Frozen = make(map[string]pipeline.Frozen)
	for _, z := range lock.Frozen {
		w.planner.Frozen[z.Address] = z
	}
	sources := remoteSources(w.graph.Study.Dir, lock, w.stats, w.store)
	sources.Offline = w.session.offline
	w.planner.Sources = sources
	return nil
}

// plan resolves the study against the store and saves the digests and fingerprints
// that it computed on the way.
func (w *workspace) plan(ctx context.Context) (*planner.Plan, error) {
	plan, err := w.planner.Plan(ctx)
	if err == nil {
		plan.Warnings = append(plan.Warnings, w.refused.warnings()...)
	}
	saved := w.save()
	if readOnly(saved) {
		saved = nil // plans of a read-only store are valid; writing results fails
	}
	return plan, errors.Join(err, saved)
}

// readOnly reports whether the store could not be written because it is read-only.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func (w *workspace) save() error { return errors.Join(w.memo.Save(), w.stats.Save()) }

// planned opens the study and plans it.
func (s *session) planned(ctx context.Context, targets ...string) (*workspace, *planner.Plan, error) {
	w, err := s.open(ctx, targets)
	if err != nil {
		return nil, nil, err
	}
	plan, err := w.plan(ctx)
	return w, plan, err
}

// plannedTask plans the study and finds one instance of it.
func (s *session) plannedTask(ctx context.Context, of instanceSort, typed string) (*workspace, *planner.Plan, *planner.Task, error) {
	w, plan, err := s.planned(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := w.find(plan, of, typed)
	return w, plan, t, err
}
