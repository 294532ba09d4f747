package cli

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
)

// parallelTransfers is the number of entries that are transferred at a time.
const parallelTransfers = 8

// transfer pushes or pulls entries, and continues after a failure unless the remote
// is down. Failures of the remote are reported once another entry succeeds: until
// then the remote may be down, and one message is enough.
type transfer struct {
	session *session
	remote  *remote.Remote
	verb    string // pushed or pulled
	tasks   []*planner.Task

	mu       sync.Mutex // guards what follows and the order of output
	done     int
	there    int // of these, those that a push found on the remote
	reported int // failures
	bytes    int64
	inARow   []transferFailure // of the remote, since an entry succeeded
}

type transferFailure struct {
	task *planner.Task
	err  error
}

// run transfers all entries with move.
func (t *transfer) run(ctx context.Context, move func(context.Context, *planner.Task) (remote.Transfer, error)) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallelTransfers)
	for _, task := range t.tasks {
		work.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if t.remoteDown() {
				return nil
			}
			moved, err := move(ctx, task)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			t.ended(task, moved, err)
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	t.finish()
	left := len(t.tasks) - t.done
	t.session.view().Text(view.Transferred(t.done-t.there, t.there, t.verb, t.bytes, left, t.remote.String()))
	if left > 0 {
		return exitError{ExitPartial}
	}
	return nil
}

func (t *transfer) remoteDown() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.inARow) >= remote.MaxFailures
}

// ended records how the transfer of one entry ended.
func (t *transfer) ended(task *planner.Task, moved remote.Transfer, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += moved.Bytes
	var down *remote.FailedError
	switch {
	case errors.As(err, &down):
		t.inARow = append(t.inARow, transferFailure{task, err})
		return
	case err != nil:
		t.report(transferFailure{task, err})
		return
	}
	if len(t.inARow) < remote.MaxFailures { // once the remote is down, late successes change nothing
		t.reportInARow()
	}
	t.done++
	if t.verb == "pushed" && moved == (remote.Transfer{}) {
		t.there++
	}
	t.session.show(view.Moved{Verb: t.verb, Address: task.Address.String(), Key: task.Key, Blobs: moved.Blobs, Bytes: moved.Bytes,
		Nth: t.done + t.reported, Of: len(t.tasks)})
}

func (t *transfer) report(f transferFailure) {
	t.reported++
	t.session.show(view.NotMoved{Verb: t.verb, Address: f.task.Address.String(), Error: f.err.Error()})
}

func (t *transfer) reportInARow() {
	for _, f := range t.inARow {
		t.report(f)
	}
	t.inARow = nil
}

// finish reports the failures of the remote that are left: as an outage, unless an
// entry succeeded and the failures were few.
func (t *transfer) finish() {
	if len(t.inARow) == 0 {
		return
	}
	if len(t.inARow) < remote.MaxFailures && t.done > 0 {
		t.reportInARow()
		return
	}
	left := len(t.tasks) - t.done - t.reported
	t.session.show(view.RemoteFailed{Remote: t.remote.URL(), Left: left, Error: t.inARow[0].err.Error(), Times: len(t.inARow), Verb: t.verb})
}
