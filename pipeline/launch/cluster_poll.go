package launch

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/pipeline"
)

// poll asks the queue and the store about every watched action.
func (c *Cluster) poll(ctx context.Context) {
	shared, remote := c.byStore()
	if len(shared)+len(remote) == 0 { // there are submissions to try again only
		return
	}
	queued, err := queue(ctx)
	if err != nil && ctx.Err() == nil { // it says nothing about the jobs
		c.Log.Warn("cannot query Slurm's queue", "error", err)
	}
	jobs, unanswered := byPlace(queued), err != nil
	// The store after the queue: a job publishes before it leaves the queue.
	c.check(ctx, shared, c.Published, jobs, unanswered)
	c.check(ctx, remote, c.PublishedRemotely, jobs, unanswered)
}

// byStore divides the watched actions by the store that will hold their entries. They
// are in the order of their jobs.
func (c *Cluster) byStore() (shared, remote []*watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range slices.SortedFunc(maps.Values(c.watched), byPlaceAndKey) {
		if w.slurm.Config.Shared {
			shared = append(shared, w)
		} else {
			remote = append(remote, w)
		}
	}
	return shared, remote
}

func byPlaceAndKey(a, b *watch) int {
	return cmp.Or(a.place.batch.Created.Compare(b.place.batch.Created), cmp.Compare(a.place.task, b.place.task),
		bytes.Compare(a.request.Key[:], b.request.Key[:]))
}

// check ends the actions that one store has entries of, and examines the jobs of
// the others.
func (c *Cluster) check(ctx context.Context, list []*watch, published func(context.Context, ...cache.Key) ([]bool, error), jobs map[string]job, unanswered bool) {
	if len(list) == 0 {
		return
	}
	var keys []cache.Key
	for _, w := range list {
		keys = append(keys, w.request.Key)
	}
	done, err := published(ctx, keys...)
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Warn("cannot look up results", "error", err)
		}
		return
	}
	attempts := make(map[*batch]map[cache.Key]string) // the folder of a batch may have thousands of files
	for i, w := range list {
		b := w.place.batch
		if attempts[b] == nil {
			attempts[b] = newestAttempts(c.spool().dir(b))
		}
		w.last.read(attempts[b][w.request.Key])
		if done[i] {
			if w.last.progress.Step > 0 { // the run shows the last values with the result
				c.report(w, w.last.progress)
			}
			c.finish(w, nil)
			continue
		}
		j, queued := jobs[placeName(b, w.place.task)]
		c.examine(ctx, w, j, queued, unanswered)
	}
}

func (c *Cluster) finish(w *watch, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched[w.request.Key] == w {
		delete(c.watched, w.request.Key)
		w.end(err)
	}
}

// examine decides about an action that has no entry yet: it failed, waits, runs,
// or its job is lost.
func (c *Cluster) examine(ctx context.Context, w *watch, j job, queued, unanswered bool) {
	switch {
	case w.last.failed != nil:
		c.forget(w)
		c.finish(w, w.last.failed.err())
	case unanswered:
	case queued:
		w.misses = 0
		w.alive = w.alive || j.state != "COMPLETING" && j.state != "CANCELLED"
		now := w.last.progress
		if j.state != "RUNNING" || now.Steps == 0 {
			now = pipeline.Progress{Step: now.Step, Steps: now.Steps, Waits: j.String()}
		}
		c.report(w, now)
	default:
		if w.misses++; w.misses >= missesToLose {
			c.lost(ctx, w)
		}
	}
}

// report reports progress that is new, unless the action was released: its Launch may
// have returned.
func (c *Cluster) report(w *watch, p pipeline.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched[w.request.Key] != w || p.Step == w.reported.Step && p.Waits == w.reported.Waits {
		return
	}
	w.reported = p
	w.progress(p)
}

// forget drops the place of an action, so that it is submitted again.
func (c *Cluster) forget(w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.places, w.request.Key)
}

// lost submits an action again whose job has left the queue without a result,
// unless that would not help, or the action was released.
func (c *Cluster) lost(ctx context.Context, w *watch) {
	b := w.place.batch
	name := fmt.Sprintf("job %s_%d", b.job, w.place.task)
	e := endingOf(ctx, b.job, w.place.task)
	// A job that was never seen alive was cancelled by an earlier coordinator.
	cancelled := e.state == "CANCELLED" && w.alive
	stopped := e.state == "CANCELLED" && !w.alive || w.last.stopped || e.code == fmt.Sprintf("%d:0", ExitStopped)
	var why error
	if !stopped || cancelled {
		var again bool
		why, again = explainEnding(name, e, c.tail(w))
		if w.losses++; !again || w.losses >= lossesToFail {
			c.finish(w, why)
			return
		}
	}
	if c.resubmit(w) && why != nil {
		c.Notify("%s: %v. Submitting it again.", w.request.Address, why)
	}
}

// resubmit takes an action out of its job, unless it was released.
func (c *Cluster) resubmit(w *watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched[w.request.Key] != w {
		return false
	}
	delete(c.watched, w.request.Key)
	delete(c.places, w.request.Key)
	c.unplaced = append(c.unplaced, w)
	c.wake()
	return true
}

// tail is the end of what a job printed, for a message.
func (c *Cluster) tail(w *watch) string {
	p := w.place
	if !w.slurm.Config.Shared {
		return fmt.Sprintf("\nIts output is on that node in %s%d", w.slurm.nodeLog(p.batch), p.task)
	}
	f, err := fsys.OpenRegular(filepath.Join(c.spool().dir(p.batch), fmt.Sprintf("task-%d.out", p.task)))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 400
	cut := ""
	if n, err := f.Seek(-most, io.SeekEnd); err == nil && n > 0 { // what is shorter is read whole
		cut = "…"
	}
	raw, _ := io.ReadAll(f)
	text := strings.TrimSpace(strings.ToValidUTF8(string(raw), ""))
	if text == "" {
		return ""
	}
	return "\nIts output ends with:\n" + cut + text
}
