package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
)

// submission is what the actions of one array have in common.
type submission struct {
	label     string
	resources study.Resources
}

// submit places actions: into jobs of an earlier coordinator where there are any,
// into new ones otherwise.
func (c *Cluster) submit(ctx context.Context, list []*watch) {
	if len(list) == 0 {
		return
	}
	jobs, err := c.earlierJobs(ctx, list)
	if err != nil {
		for _, w := range list {
			c.submitLater(w, explainSlurm(w.slurm.Config.Label, err))
		}
		return
	}
	adopted := make(map[place]bool)
	groups := make(map[submission][]*watch)
	var order []submission
	for _, w := range list {
		if c.adopt(w, jobs) {
			adopted[w.place] = true
			continue
		}
		s := submission{w.slurm.Config.Label, w.request.Resources}
		if groups[s] == nil {
			order = append(order, s)
		}
		groups[s] = append(groups[s], w)
	}
	if len(adopted) > 0 {
		c.Notify("Adopted %s of an earlier submission.", jobCount(len(adopted)))
	}
	for _, s := range order {
		byWork(groups[s])
		per := groups[s][0].slurm.Config.PerAllocation
		for chunk := range slices.Chunk(groups[s], maxArray*per) {
			c.submitBatch(ctx, chunk)
		}
	}
}

// byWork puts actions that prepare the same next to each other, since an allocation
// keeps what one has prepared for the next.
func byWork(list []*watch) {
	first := make(map[string]int)
	for i, w := range list {
		if work := w.request.Affinity.Work; first[work] == 0 {
			first[work] = i + 1
		}
	}
	slices.SortStableFunc(list, func(a, b *watch) int {
		return first[a.request.Affinity.Work] - first[b.request.Affinity.Work]
	})
}

// earlierJobs asks the queue for jobs, before the first submission and if one may hold an
// action of the list.
func (c *Cluster) earlierJobs(ctx context.Context, list []*watch) (map[string]job, error) {
	if c.places != nil && !slices.ContainsFunc(list, c.placed) {
		return nil, nil
	}
	queued, err := queue(ctx)
	if err != nil {
		return nil, err
	}
	jobs := byPlace(queued)
	if c.places == nil {
		err = c.readSpool(jobs)
	}
	return jobs, err
}

// readSpool finds the places of actions in queued jobs, and removes old batches that
// have none.
func (c *Cluster) readSpool(jobs map[string]job) error {
	batches, err := c.spool().batches()
	if err != nil {
		return err
	}
	places := make(map[cache.Key]place)
	for _, b := range batches {
		const keep = 24 * time.Hour
		if !b.addPlaces(places, jobs) && time.Since(b.Created) > keep {
			os.RemoveAll(c.spool().dir(b))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places, c.watched = places, make(map[cache.Key]*watch)
	return nil
}

func (c *Cluster) placed(w *watch) bool {
	_, ok := c.places[w.request.Key]
	return ok
}

// addPlaces adds the batch's keys that are in a queued job and have no newer
// place. It reports whether any job of the batch is queued.
func (b *batch) addPlaces(places map[cache.Key]place, jobs map[string]job) (alive bool) {
	for i, keys := range b.Tasks {
		if _, queued := jobs[placeName(b, i)]; !queued {
			continue
		}
		alive = true
		for _, k := range keys {
			if _, newer := places[k]; !newer {
				places[k] = place{b, i}
			}
		}
	}
	return alive
}

func jobCount(n int) string {
	if n == 1 {
		return "1 Slurm job"
	}
	return fmt.Sprintf("%d Slurm jobs", n)
}

func placeName(b *batch, task int) string { return fmt.Sprintf("%s/%d", b.name(), task) }

func byPlace(jobs []job) map[string]job {
	out := make(map[string]job, len(jobs))
	for _, j := range jobs {
		out[fmt.Sprintf("%s/%d", j.name, j.task)] = j
	}
	return out
}

// adopt waits for the job of an earlier coordinator, unless that job has failed at
// this action.
func (c *Cluster) adopt(w *watch, jobs map[string]job) bool {
	p, ok := c.places[w.request.Key]
	if !ok {
		return false
	}
	if j, queued := jobs[placeName(p.batch, p.task)]; !queued {
		return false
	} else if p.batch.job == "" {
		c.recordJob(p.batch, j.array)
	}
	w.last.read(newestAttempts(c.spool().dir(p.batch))[w.request.Key])
	if w.last.failed != nil {
		return false
	}
	c.follow(w, p)
	return true
}

// follow waits for an action in its place, or detaches from it.
func (c *Cluster) follow(w *watch, p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.place, w.misses, w.alive = p, 0, false
	c.places[w.request.Key] = p
	switch {
	case w.released:
		c.abandon(w, w.cancel)
		return
	case w.slurm.Detach:
		w.end(run.ErrDetached)
		return
	}
	c.watched[w.request.Key] = w
}

func (c *Cluster) recordJob(b *batch, job string) {
	if err := c.spool().writeJob(b, job); err != nil { // the job's name still identifies it
		c.Log.Warn("cannot record a job's number", "error", err)
	}
}

// submitBatch submits one array of actions that ask for the same.
func (c *Cluster) submitBatch(ctx context.Context, list []*watch) {
	s := list[0].slurm
	var requests []action.Request
	for _, w := range list {
		requests = append(requests, w.request)
	}
	tasks := slices.Collect(slices.Chunk(requests, s.Config.PerAllocation))
	b := newBatch(s.Config.Label, tasks)
	err := c.sbatch(ctx, s, b, tasks)
	for i, w := range list {
		p := place{b, i / s.Config.PerAllocation}
		if err == nil {
			w.refused = time.Time{}
			c.follow(w, p)
		} else if c.submitLater(w, err) {
			c.places[w.request.Key] = p // Slurm may have accepted it all the same
		}
	}
}

// submitLater has an action submitted again at the next poll, if Slurm does not answer.
// Otherwise, where that was tried for long enough, or nobody waits any more, it ends.
func (c *Cluster) submitLater(w *watch, err error) (later bool) {
	if unanswered(err) && w.refused.IsZero() {
		w.refused = time.Now()
		w.progress(pipeline.Progress{Waits: fmt.Sprintf("waits for Slurm to answer: %v", errors.Unwrap(err))})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !unanswered(err) || w.released || time.Since(w.refused) > submitPatience {
		w.end(err)
		return false
	}
	c.unplaced = append(c.unplaced, w)
	return true
}

// sbatch describes a batch in the spool and submits it.
func (c *Cluster) sbatch(ctx context.Context, s Slurm, b *batch, tasks [][]action.Request) error {
	if err := c.spool().write(b, tasks); err != nil {
		return err
	}
	packed := ""
	if !s.Config.Shared {
		var err error
		if packed, err = pack(parcel{b.ID, tasks}); err != nil {
			return err
		}
	}
	dir := c.spool().dir(b)
	// A submission is not interrupted: its jobs would have no owner.
	ctx = context.WithoutCancel(ctx)
	out, err := runSlurmWith(ctx, s.script(dir, packed), "sbatch", s.submission(b, dir)...)
	id, _, _ := strings.Cut(out, ";") // the cluster's name may follow
	if err != nil {
		explained := explainSubmission(s.Config.Label, err)
		if id = b.accepted(ctx, explained); id == "" {
			if !unanswered(err) {
				os.RemoveAll(dir)
			}
			return explained
		}
		c.Notify("%v. Slurm accepted the jobs nevertheless.", err)
	}
	c.recordJob(b, id)
	return nil
}

// accepted returns the number of a batch's array that is in the queue although sbatch
// failed, as it does when the controller's answer comes too late; "" if there is none.
func (b *batch) accepted(ctx context.Context, failure error) string {
	if errors.As(failure, new(run.FinalError)) {
		return ""
	}
	jobs, _ := queue(ctx) // none if it does not answer either
	if i := slices.IndexFunc(jobs, func(j job) bool { return j.name == b.name() }); i >= 0 {
		return jobs[i].array
	}
	return ""
}
