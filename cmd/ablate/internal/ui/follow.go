package ui

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Snapshot is the study at hand at one time, for a terminal.
type Snapshot struct {
	Study  Study // without a name, the store has no study
	Curves Curves
}

// drawEvery is the least time between two snapshots.
const drawEvery = 500 * time.Millisecond

// Follow hands snapshots of the study at hand to draw, whenever something changed and
// every few seconds, until the context ends or draw returns false. It reads what the page
// reads, and does not depend on which process runs the study.
func Follow(ctx context.Context, o Options, draw func(Snapshot) bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &Server{board: newBoard(o.Store), plan: o.Plan, curves: &curveReader{store: o.Store}, store: o.Store}
	s.board.read(time.Now())
	if s.plan != nil {
		s.board.usePlan(ctx, s.plan)
	}
	s.board.watch(1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { s.follow(ctx); return nil })
	if s.plan != nil {
		g.Go(func() error { s.replan(ctx); return nil })
	}
	g.Go(func() error {
		defer stop()
		for {
			shot, changed, err := s.snapshot(ctx)
			if err != nil || !draw(shot) {
				return err
			}
			if sleep(ctx, drawEvery) != nil {
				return nil
			}
			const idle = 2 * time.Second // running trials report that often
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			case <-time.After(idle):
			}
		}
	})
	return g.Wait()
}

// snapshot copies the study at hand, and reads its curves.
func (s *Server) snapshot(ctx context.Context) (shot Snapshot, changed <-chan struct{}, err error) {
	b := s.board
	b.mu.Lock()
	changed = b.changed
	if study := b.find(""); study != nil {
		shot.Study = *study
		shot.Study.Remaining = study.estimate(time.Now())
		shot.Study.Instances = nil
		for _, i := range study.Instances {
			own := *i
			shot.Study.Instances = append(shot.Study.Instances, &own)
		}
	}
	b.mu.Unlock()
	if shot.Study.Name == "" {
		return shot, changed, nil
	}
	subjects := b.subjects(shot.Study.ID, nil)
	if !slices.ContainsFunc(subjects, func(x subject) bool { return x.cached || len(x.points) > 0 }) {
		return shot, changed, nil
	}
	shot.Curves, err = s.curves.read(ctx, subjects, "", shot.Study.Response, part{points: pointsOf(len(subjects))})
	return shot, changed, err
}
