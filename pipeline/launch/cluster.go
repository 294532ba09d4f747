package launch

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
)

// Cluster follows the jobs of one coordinator in a Slurm cluster. One
// goroutine submits, asks the queue once for all jobs, and looks for results.
type Cluster struct {
	Store     string // the store's folder
	Logs      string
	Program   string // ablate's path on the nodes
	Version   string // of this ablate
	Remote    string // through which nodes work that do not see the store
	Namespace string // of the remote
	Log       *slog.Logger
	// Published says which keys have an entry: the only proof of success.
	Published func(context.Context, ...cache.Key) ([]bool, error)
	// Afar asks the remote, for nodes that do not see the store.
	Afar func(context.Context, ...cache.Key) ([]bool, error)
	Say  func(format string, args ...any) // tells the user

	mu      sync.Mutex
	fresh   []*watch                // not yet placed
	watched map[cache.Key]*watch    // placed
	places  map[cache.Key]place     // the newest batch of each key
	left    int                     // actions whose jobs go on without us
	cancels []string                // jobs to cancel
	stopped map[string][]chan error // who waits for that, by job
	running bool
	kick    chan struct{}
}

// watch is one action that somebody waits for. It belongs to the loop, but for
// what is set once.
type watch struct {
	slurm    Slurm
	request  action.Request
	progress func(pipeline.Progress)
	ended    chan error // has room for the answer

	place  place
	misses int
	losses int
	alive  bool // its job was seen waiting or running
	told   pipeline.Progress
}

const (
	// gather is how long the loop waits for more actions before it submits.
	gather = 100 * time.Millisecond
	// missesToLose is how many times in a row the queue must not know a job
	// before it counts as lost: an empty answer now and then is normal.
	missesToLose = 3
	// lossesToFail is how many jobs of one action may be lost.
	lossesToFail = 3
	// maxArray is the default limit of Slurm's on the tasks of an array.
	maxArray = 1000
)

// spool is where batches are described.
func (c *Cluster) spool() spool { return spool(filepath.Join(c.Store, "spool")) }

func (c *Cluster) add(w *watch) {
	w.request.Program = c.Version
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = append(c.fresh, w)
	if !c.running {
		c.running, c.kick = true, make(chan struct{}, 1)
		go c.loop() // ends when nobody waits for anything
	}
	c.wake()
}

// wake lets the loop look at once. Called with mu held.
func (c *Cluster) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// stop gives an action up; cancel also takes its job back.
func (c *Cluster) stop(w *watch, cancel bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.fresh, w); i >= 0 {
		c.fresh = slices.Delete(c.fresh, i, i+1)
		w.end(nil)
		return
	}
	if c.watched[w.request.Key] != w {
		return // it has its answer already
	}
	delete(c.watched, w.request.Key)
	if !cancel || w.place.batch.job == "" {
		c.left++
		w.end(nil)
		return
	}
	id := fmt.Sprintf("%s_%d", w.place.batch.job, w.place.task)
	if c.stopped == nil {
		c.stopped = make(map[string][]chan error)
	}
	c.stopped[id] = append(c.stopped[id], w.ended)
	c.cancels = append(c.cancels, id)
	c.wake()
}

// Left says how many actions go on in jobs that nobody here waits for.
func (c *Cluster) Left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// Live finds the jobs of all keys that the queue knows, whoever submitted them.
func (c *Cluster) Live() (map[cache.Key]string, error) {
	batches, err := c.spool().batches()
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	queued, err := queue()
	if err != nil {
		return nil, err
	}
	jobs := byPlace(queued)
	out := make(map[cache.Key]string)
	for _, b := range slices.Backward(batches) { // the newest speaks last
		for i, keys := range b.Tasks {
			j, ok := jobs[placeName(b, i)]
			for _, k := range keys {
				if ok {
					out[k] = fmt.Sprintf("%s: %s", b.Label, j)
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

func (c *Cluster) loop() {
	var polled time.Time
	for {
		time.Sleep(gather)
		c.cancel()
		fresh, idle := c.take()
		if idle {
			return
		}
		c.submit(fresh)
		every := c.interval()
		if time.Since(polled) >= every {
			polled = time.Now()
			c.poll()
		}
		select {
		case <-c.kick:
		case <-time.After(max(gather, time.Until(polled.Add(every)))):
		}
	}
}

// take returns the new actions; idle is true when there is nothing left to do.
func (c *Cluster) take() (fresh []*watch, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh, c.fresh = c.fresh, nil
	idle = len(fresh)+len(c.watched)+len(c.cancels) == 0
	c.running = !idle
	return fresh, idle
}

// interval is how often the queue is asked: as often as the most eager
// executor says.
func (c *Cluster) interval() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	every := time.Minute
	for _, w := range c.watched {
		every = min(every, w.slurm.Config.Poll)
	}
	return every
}

// cancel takes jobs back, all at once: Slurm sends them SIGTERM, and they keep
// what they have reached.
func (c *Cluster) cancel() {
	c.mu.Lock()
	ids, waiting := c.cancels, c.stopped
	c.cancels, c.stopped = nil, nil
	c.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	_, err := runSlurm("scancel", ids...)
	if err != nil {
		c.Say("Some jobs were not cancelled: %v", err)
	} else {
		c.Say("Cancelled %d of Slurm's jobs; those that ran keep what they have reached.", len(ids))
	}
	for _, id := range ids {
		for _, ended := range waiting[id] {
			ended <- nil
		}
	}
}

// submit places new actions: into jobs of an earlier coordinator where there
// are any, into new ones otherwise.
func (c *Cluster) submit(fresh []*watch) {
	if len(fresh) == 0 {
		return
	}
	jobs, err := c.known()
	if err != nil {
		for _, w := range fresh {
			w.end(explainSubmission(w.slurm.Config.Label, err))
		}
		return
	}
	adopted := 0
	groups := make(map[group][]*watch)
	var order []group
	for _, w := range fresh {
		if c.adopt(w, jobs) {
			adopted++
			continue
		}
		g := group{w.slurm.Config.Label, w.request.Resources}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], w)
	}
	if adopted > 0 {
		c.Say("Adopted %d of Slurm's jobs from an earlier run.", adopted)
	}
	for _, g := range order {
		per := groups[g][0].slurm.Config.PerAllocation
		for chunk := range slices.Chunk(groups[g], maxArray*per) {
			c.submitBatch(chunk)
		}
	}
}

// group is what one array has in common.
type group struct {
	label     string
	resources study.Resources
}

// known reads the spool and the queue once, before the first submission.
func (c *Cluster) known() (map[string]job, error) {
	c.mu.Lock()
	first := c.places == nil
	c.mu.Unlock()
	if !first {
		return nil, nil
	}
	batches, err := c.spool().batches()
	if err != nil {
		return nil, err
	}
	queued, err := queue()
	if err != nil {
		return nil, err
	}
	jobs := byPlace(queued)
	places := make(map[cache.Key]place)
	for _, b := range batches {
		alive := false
		for i, keys := range b.Tasks {
			_, there := jobs[placeName(b, i)]
			alive = alive || there
			for _, k := range keys {
				if _, newer := places[k]; !newer && there {
					places[k] = place{b, i}
				}
			}
		}
		const keep = 24 * time.Hour
		if !alive && time.Since(b.Created) > keep {
			os.RemoveAll(c.spool().dir(b))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places, c.watched = places, make(map[cache.Key]*watch)
	return jobs, nil
}

func placeName(b *batch, task int) string { return fmt.Sprintf("%s/%d", b.name(), task) }

func byPlace(jobs []job) map[string]job {
	out := make(map[string]job, len(jobs))
	for _, j := range jobs {
		out[fmt.Sprintf("%s/%d", j.name, j.task)] = j
	}
	return out
}

// adopt waits for a job that is there already, unless it has failed at this
// action.
func (c *Cluster) adopt(w *watch, jobs map[string]job) bool {
	p, ok := c.places[w.request.Key]
	if !ok {
		return false
	}
	if j, there := jobs[placeName(p.batch, p.task)]; there && p.batch.job == "" {
		c.note(p.batch, j.array)
	} else if !there {
		return false
	}
	if tries := attempts(c.spool().dir(p.batch), w.request.Key); len(tries) > 0 && tries[len(tries)-1].failed != nil {
		return false
	}
	c.follow(w, p)
	return true
}

// follow waits for an action in its place, or leaves it there.
func (c *Cluster) follow(w *watch, p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.place, w.misses, w.alive = p, 0, false
	c.places[w.request.Key] = p
	if w.slurm.Detach {
		c.left++
		w.end(run.ErrLeft)
		return
	}
	c.watched[w.request.Key] = w
}

func (c *Cluster) note(b *batch, job string) {
	if err := c.spool().writeJob(b, job); err != nil { // the job's name still leads to it
		c.Log.Warn("noting a job's number", "error", err)
	}
}

// submitBatch makes one array of actions that want the same.
func (c *Cluster) submitBatch(list []*watch) {
	s := list[0].slurm
	requests := make(map[cache.Key]action.Request, len(list))
	var keys []cache.Key
	for _, w := range list {
		requests[w.request.Key] = w.request
		keys = append(keys, w.request.Key)
	}
	b := newBatch(s.Config.Label, list[0].request.Resources, slices.Collect(slices.Chunk(keys, s.Config.PerAllocation)))
	parcel := ""
	err := c.spool().write(b, requests)
	if err == nil && !s.Config.Shared {
		parcel, err = pack(b, requests)
	}
	if err == nil {
		var out string
		out, err = runSlurmWith(s.script(c.spool().dir(b), parcel), "sbatch", s.submission(b, c.spool().dir(b))...)
		if err != nil {
			err = explainSubmission(s.Config.Label, err)
			os.RemoveAll(c.spool().dir(b))
		} else {
			id, _, _ := strings.Cut(out, ";") // the cluster's name may follow
			c.note(b, id)
		}
	}
	for i, w := range list {
		if err != nil {
			w.end(err)
			continue
		}
		c.follow(w, place{b, i / s.Config.PerAllocation})
	}
}

// poll asks the queue and the store about everything that is waited for.
func (c *Cluster) poll() {
	c.mu.Lock()
	var list, apart []*watch
	for _, w := range c.watched {
		if w.slurm.Config.Shared {
			list = append(list, w)
		} else {
			apart = append(apart, w)
		}
	}
	c.mu.Unlock()
	if len(list)+len(apart) == 0 {
		return
	}
	queued, err := queue()
	if err != nil { // it says nothing about the jobs
		c.Log.Warn("asking Slurm's queue", "error", err)
	}
	there, unanswered := byPlace(queued), err != nil
	// After the queue: what has left it has published before.
	c.judge(list, c.Published, there, unanswered)
	c.judge(apart, c.Afar, there, unanswered)
}

// judge looks at actions whose entries one store has.
func (c *Cluster) judge(list []*watch, ask func(context.Context, ...cache.Key) ([]bool, error), there map[string]job, unanswered bool) {
	if len(list) == 0 {
		return
	}
	var keys []cache.Key
	for _, w := range list {
		keys = append(keys, w.request.Key)
	}
	published, err := ask(context.Background(), keys...)
	if err != nil {
		c.Log.Warn("asking the store", "error", err)
		return
	}
	for i, w := range list {
		if published[i] {
			c.finish(w, nil)
			continue
		}
		j, ok := there[placeName(w.place.batch, w.place.task)]
		c.look(w, j, ok, unanswered)
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

// look judges one action that has no entry yet.
func (c *Cluster) look(w *watch, j job, there, unanswered bool) {
	tries := attempts(c.spool().dir(w.place.batch), w.request.Key)
	var last attempt
	if len(tries) > 0 {
		last = tries[len(tries)-1]
	}
	if last.failed != nil {
		delete(c.places, w.request.Key)
		c.finish(w, last.failed.err())
		return
	}
	switch {
	case unanswered:
		return
	case there:
		w.misses = 0
		w.alive = w.alive || j.state != "COMPLETING" && j.state != "CANCELLED"
		now := last.progress
		if j.state != "RUNNING" || now.Steps == 0 {
			now = pipeline.Progress{Step: now.Step, Steps: now.Steps, Waits: j.String()}
		}
		w.tell(now)
		return
	}
	w.misses++
	if w.misses < missesToLose {
		return
	}
	c.lost(w, last)
}

// tell reports progress that is new.
func (w *watch) tell(p pipeline.Progress) {
	if p.Step == w.told.Step && p.Waits == w.told.Waits {
		return
	}
	w.told = p
	w.progress(p)
}

// lost submits an action again whose job is gone without a result, unless that
// will not help.
func (c *Cluster) lost(w *watch, last attempt) {
	b := w.place.batch
	name := fmt.Sprintf("job %s_%d", b.job, w.place.task)
	e := endingOf(b.job, w.place.task)
	// Of a job that an earlier coordinator cancelled we see the end only.
	cancelled := e.state == "CANCELLED" && w.alive
	stopped := e.state == "CANCELLED" && !w.alive || last.stopped || e.code == fmt.Sprintf("%d:0", ExitStopped)
	if !stopped || cancelled {
		err, again := explainEnding(name, e, c.tail(w))
		if w.losses++; !again || w.losses >= lossesToFail {
			c.finish(w, err)
			return
		}
		c.Say("%s: %v; it is submitted again.", w.request.Address, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched[w.request.Key] != w {
		return
	}
	delete(c.watched, w.request.Key)
	delete(c.places, w.request.Key)
	c.fresh = append(c.fresh, w)
	c.wake()
}

// tail is the end of what a job printed, for a message.
func (c *Cluster) tail(w *watch) string {
	p := w.place
	if !w.slurm.Config.Shared {
		return fmt.Sprintf("\nWhat it printed is on that node in %s%d", w.slurm.apartLog(p.batch), p.task)
	}
	raw, err := os.ReadFile(filepath.Join(c.spool().dir(p.batch), fmt.Sprintf("task-%d.out", p.task)))
	text := strings.TrimSpace(string(raw))
	if err != nil || text == "" {
		return ""
	}
	const most = 400
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return "\nIt printed:\n" + text
}
