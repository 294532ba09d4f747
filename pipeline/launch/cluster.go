package launch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
)

// Cluster tracks the jobs of one coordinator in a Slurm cluster. Between Start and
// its stop function one goroutine submits, asks the queue once for all jobs, and
// looks for results.
type Cluster struct {
	// Set once.
	Store     string // the store's folder
	Logs      string
	Program   string // ablate's path on the nodes
	Version   string // of this ablate
	Remote    string // the URL of the remote, for nodes that do not see the store
	Namespace string // of the remote
	Log       *slog.Logger
	// Published reports which keys have an entry: the only proof of success.
	Published func(context.Context, ...cache.Key) ([]bool, error)
	// PublishedRemotely asks the remote, for nodes that do not see the store.
	PublishedRemotely func(context.Context, ...cache.Key) ([]bool, error)
	Notify            func(format string, args ...any) // shows the user a line

	wakeup chan struct{} // made by Start; has room for one

	mu       sync.Mutex
	unplaced []*watch                // not yet in a job
	watched  map[cache.Key]*watch    // in a job
	places   map[cache.Key]place     // the newest batch of each key; nil until the spool was read
	cancels  []string                // jobs to cancel
	waiting  map[string][]chan error // by job, who waits for its cancellation
}

// watch is one action that a Launch waits for. Set once down to ended; the rest
// belongs to the loop.
type watch struct {
	slurm    Slurm
	request  action.Request
	progress func(pipeline.Progress)
	ended    chan error // has room for the answer

	released bool // guarded by Cluster.mu: no caller waits any more
	cancel   bool // guarded by Cluster.mu: once released, cancel the job
	place    place
	misses   int       // polls in a row in which the queue did not list the job
	losses   int       // jobs of this action that were lost
	alive    bool      // its job was seen waiting or running
	refused  time.Time // when Slurm first did not answer its submission; zero once it did
	last     attempt
	reported pipeline.Progress
}

const (
	// gatherInterval is how long the loop waits for another action before it
	// submits.
	gatherInterval = 100 * time.Millisecond
	// missesToLose is how many times in a row the queue must not list a job
	// before it counts as lost: an empty answer now and then is normal.
	missesToLose = 3
	// lossesToFail is how many jobs of one action, or connections to its hosts, may be
	// lost.
	lossesToFail = 3
	// submitPatience is for how long a submission is tried that Slurm does not answer.
	// Its controller restarts in minutes, and a run takes days.
	submitPatience = 30 * time.Minute
	// maxArray is Slurm's default limit on the tasks of an array.
	maxArray = 1000
)

// Start starts the loop. The returned function stops it, once what was asked of it
// is done, and waits for it. When ctx ends, queries of the queue end; jobs are
// still cancelled.
func (c *Cluster) Start(ctx context.Context) (stop func()) {
	c.wakeup = make(chan struct{}, 1)
	stopping := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() { c.loop(ctx, stopping) })
	return func() {
		close(stopping)
		loop.Wait()
	}
}

// spool is where batches are described.
func (c *Cluster) spool() spool { return spool(filepath.Join(c.Store, "spool")) }

func (c *Cluster) add(w *watch) {
	w.request.Program = c.Version
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unplaced = append(c.unplaced, w)
	c.wake()
}

// wake makes the loop look at once.
func (c *Cluster) wake() {
	select {
	case c.wakeup <- struct{}{}:
	default: // it will look anyway
	}
}

// release stops waiting for an action; cancel also cancels its job.
func (c *Cluster) release(w *watch, cancel bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.unplaced, w); i >= 0 {
		c.unplaced = slices.Delete(c.unplaced, i, i+1)
		w.end(nil)
		return
	}
	if c.watched[w.request.Key] != w { // it is being submitted, or its answer is on the way
		w.released, w.cancel = true, cancel
		return
	}
	delete(c.watched, w.request.Key)
	c.abandon(w, cancel)
}

// abandon leaves a placed action's job running or cancels it. Called with mu held.
func (c *Cluster) abandon(w *watch, cancel bool) {
	if !cancel || w.place.batch.job == "" {
		w.end(run.ErrDetached)
		return
	}
	id := fmt.Sprintf("%s_%d", w.place.batch.job, w.place.task)
	if c.waiting == nil {
		c.waiting = make(map[string][]chan error)
	}
	c.waiting[id] = append(c.waiting[id], w.ended)
	c.cancels = append(c.cancels, id)
	c.wake()
}

// Job is a job that holds an action.
type Job struct {
	Text     string            // its executor, number and state, for people; "" is none
	Started  bool              // it computes the action, or did before it was requeued
	Progress pipeline.Progress // of the action, where its reports can be seen
}

// Live returns the job of each key that the queue lists, including jobs of other
// processes, unless the job has failed at it.
func (c *Cluster) Live(ctx context.Context) (map[cache.Key]Job, error) {
	batches, err := c.spool().batches()
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	queued, err := queue(ctx)
	if err != nil {
		return nil, err
	}
	jobs := byPlace(queued)
	out := make(map[cache.Key]Job)
	for _, b := range slices.Backward(batches) { // the newest overwrites the others
		var attempts map[cache.Key]string // of a batch with a running job
		for i, keys := range b.Tasks {
			j, ok := jobs[placeName(b, i)]
			if !ok {
				continue
			}
			running := j.state == "RUNNING"
			if running && attempts == nil {
				attempts = newestAttempts(c.spool().dir(b))
			}
			for _, k := range keys {
				var last attempt
				if running {
					last.read(attempts[k])
				}
				if last.failed == nil { // a job continues with its other actions after one fails
					out[k] = Job{fmt.Sprintf("%s: %s", b.Label, j), running && (len(keys) == 1 || last.path != ""), last.progress}
				}
			}
		}
	}
	return out, nil
}

func (w *watch) end(err error) {
	select {
	case w.ended <- err:
	default: // it has an answer
	}
}

// loop serves until stopping is closed.
func (c *Cluster) loop(ctx context.Context, stopping <-chan struct{}) {
	var polled time.Time
	for {
		every, busy := c.interval()
		select {
		case <-stopping:
			c.cancel(ctx)
			return
		case <-c.wakeup:
			c.gather(stopping)
		case <-after(busy, max(gatherInterval, time.Until(polled.Add(every)))):
		}
		c.cancel(ctx)
		c.submit(ctx, c.takeUnplaced())
		if every, busy = c.interval(); busy && time.Since(polled) >= every {
			polled = time.Now()
			c.poll(ctx)
		}
	}
}

// gather waits until no action has been added for gatherInterval, so that actions
// which start together share an array, but not for long.
func (c *Cluster) gather(stopping <-chan struct{}) {
	long := time.After(20 * gatherInterval)
	for {
		select {
		case <-stopping:
			return
		case <-long:
			return
		case <-c.wakeup:
		case <-time.After(gatherInterval):
			return
		}
	}
}

// after is time.After while the loop has something to poll, and never otherwise.
func after(busy bool, d time.Duration) <-chan time.Time {
	if !busy {
		return nil
	}
	return time.After(d)
}

func (c *Cluster) takeUnplaced() []*watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.unplaced
	c.unplaced = nil
	return list
}

// interval is how often the queue is asked: as often as the executor with the
// shortest interval says. busy reports whether there is anything to ask about, or to
// submit again.
func (c *Cluster) interval() (every time.Duration, busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	every = time.Minute
	asking := slices.AppendSeq(slices.Clone(c.unplaced), maps.Values(c.watched))
	for _, w := range asking {
		every = min(every, w.slurm.Config.Poll)
	}
	return every, len(asking) > 0
}

// cancel cancels jobs, all at once: Slurm sends them SIGTERM, and they save what
// they have reached.
func (c *Cluster) cancel(ctx context.Context) {
	c.mu.Lock()
	ids, waiting := c.cancels, c.waiting
	c.cancels, c.waiting = nil, nil
	c.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	// The interrupt that ended ctx is why jobs are cancelled.
	if _, err := runSlurm(context.WithoutCancel(ctx), "scancel", ids...); err != nil {
		c.Notify("Could not cancel jobs: %v", err)
	} else {
		c.Notify("Cancelled %s. Their checkpoints are kept.", jobCount(len(ids)))
	}
	for _, id := range ids {
		for _, ended := range waiting[id] {
			ended <- nil
		}
	}
}
