package ui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// studyID tells studies of a store apart.
type studyID struct{ name, dir string }

// Study is one study of the store as the page shows it.
type Study struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Dir         string     `json:"dir"`
	Description string     `json:"description,omitempty"`
	Replicate   string     `json:"replicate,omitempty"`
	Problem     string     `json:"problem,omitempty"`  // why there is no plan
	Response    string     `json:"response,omitempty"` // the metric to show first
	Planned     *time.Time `json:"planned,omitempty"`  // when the plan was made; nil without one
	Partial     bool       `json:"partial,omitempty"`  // no plan is known: it may have more instances than runs mentioned
	LastRun     *time.Time `json:"last_run,omitempty"`
	Graph       string     `json:"graph,omitempty"`     // SVG
	Notes       []string   `json:"notes,omitempty"`     // what the page leaves out
	Remaining   *float64   `json:"remaining,omitempty"` // estimated seconds until its trials are done
	Others      int        `json:"others,omitempty"`    // trials at work whose keys the plan of the study no longer has

	Instances []*Instance `json:"instances,omitempty"`

	of      map[string]*Instance    // by address
	at      time.Time               // when the plan was made, here or by its last run
	others  map[cache.Key]time.Time // the last records of what Others counts
	version uint64                  // when the study was planned or instances were added
	touched uint64                  // when any of its instances changed
}

// board is everything that the page shows. Its version grows with each change, so
// that a stream knows what it has sent.
type board struct {
	store *cache.Local

	mu       sync.Mutex
	tails    tails
	studies  map[studyID]*Study
	here     string // id of the study at hand
	version  uint64
	stale    bool // results were published after the plan was made
	changed  chan struct{}
	watchers int
}

func newBoard(store *cache.Local) *board {
	return &board{
		store: store, version: 1, studies: make(map[studyID]*Study), changed: make(chan struct{}),
		tails: tails{folder: store.RunDir(), files: make(map[string]*tail)},
	}
}

// study returns a study, and makes it on first use.
func (b *board) study(id studyID) *Study {
	s := b.studies[id]
	if s == nil {
		sum := cache.DigestOf([]byte(id.name + "\x00" + id.dir)).Hex()
		s = &Study{ID: sum[:16], Name: id.name, Dir: id.dir, Partial: true, of: make(map[string]*Instance), others: make(map[cache.Key]time.Time)}
		b.studies[id] = s
	}
	return s
}

// find returns the study of an id, else the study at hand, else the one that ran
// last; nil if the store has none.
func (b *board) find(id string) *Study {
	var last *Study
	for _, s := range b.studies {
		if s.ID == cmp.Or(id, b.here) {
			return s
		}
		if last == nil || s.LastRun != nil && (last.LastRun == nil || s.LastRun.After(*last.LastRun)) {
			last = s
		}
	}
	if id != "" {
		return nil
	}
	return last
}

// read takes over what runs recorded, and wakes the streams if anything changed.
func (b *board) read(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.version
	b.tails.read(func(id studyID, began time.Time, r run.Record) {
		s := b.study(id)
		if r.Type == run.RunStart {
			t := r.Time
			s.LastRun, s.version = &t, b.next()
			s.outline(r)
			b.stale = b.stale || s.ID == b.here // the study may have been edited for this run
			return
		}
		i := s.of[r.Address]
		if s.outdated(began, i, r) {
			s.noteOther(r)
			return
		}
		if i == nil {
			i = &Instance{Address: r.Address, Block: r.Block, Factors: factorsOf(r.Address)}
			s.add(i)
			s.version = b.next()
		}
		i.apply(r)
		i.version = b.next()
		s.touched = b.version
		switch r.Type {
		case run.StageDone, run.StageHit, run.StagePulled, run.StageFailed:
			b.stale = b.stale || s.ID == b.here
		}
	})
	b.settle(now, func(cache.Key) bool { return false })
	if b.version != before {
		b.wake()
	}
}

// settle decides the states of all instances again. Instances that no journal
// mentions are running if unrecorded reports that a process holds their key, which
// is too costly to ask all the time.
func (b *board) settle(now time.Time, unrecorded func(cache.Key) bool) {
	for _, s := range b.studies {
		maps.DeleteFunc(s.others, func(k cache.Key, last time.Time) bool { return last.Add(silence).Before(now) && !b.store.Locked(k) })
		if len(s.others) != s.Others {
			s.Others, s.version = len(s.others), b.next()
		}
		for _, i := range s.Instances {
			if state := i.settle(s.at, now, b.store.Locked, unrecorded); state != i.State {
				i.State, i.version = state, b.next()
				s.touched = b.version
			}
		}
	}
}

// outdated reports whether a record is of a run that began before the study was planned here, and
// of a result that this plan does not have: the study was edited meanwhile, or has other variables.
func (s *Study) outdated(began time.Time, i *Instance, r run.Record) bool {
	if s.Planned == nil || !began.Before(s.at) {
		return false
	}
	return i == nil || !i.planned.IsZero() && !r.Key.IsZero() && r.Key != i.planned
}

// noteOther counts the trials at work that the page does not show.
func (s *Study) noteOther(r run.Record) {
	switch {
	case !r.Trial:
	case r.Type == run.StageStart, r.Type == run.StageProgress, r.Type == run.StageRetry:
		s.others[r.Key] = r.Time
	default:
		delete(s.others, r.Key)
	}
}

func (s *Study) add(i *Instance) {
	s.of[i.Address] = i
	s.Instances = append(s.Instances, i)
}

func (b *board) next() uint64 {
	b.version++
	return b.version
}

func (b *board) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// planCurrent reports whether no result was published since the last plan.
func (b *board) planCurrent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.stale
}

// watched reports whether a page is open.
func (b *board) watched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watchers > 0
}

// usePlan plans the study at hand and takes the plan over. Without a plan, the page
// says why, and shows what the journals tell.
func (b *board) usePlan(ctx context.Context, plan func(context.Context) (Planned, error)) {
	b.mu.Lock()
	b.stale = false
	b.mu.Unlock()
	at := time.Now()
	p, err := plan(ctx)
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Name == "" {
		return // no study at hand
	}
	s := b.inFolder(p.Dir)
	if s == nil || err == nil {
		s = b.study(studyID{name: p.Name, dir: p.Dir})
	}
	b.here = s.ID
	s.Problem = ""
	if err != nil {
		s.Problem = err.Error()
	} else {
		for n := range p.Instances {
			p.Instances[n].planned = p.Instances[n].Key
			delete(s.others, p.Instances[n].Key)
		}
		s.take(p)
		s.Planned, s.at = &at, at
	}
	s.version = b.next()
	b.settle(time.Now(), b.store.Locked)
	b.wake()
}

// inFolder returns a study whose runs named that folder; nil if there is none. A
// study that cannot be loaded has no name.
func (b *board) inFolder(dir string) *Study {
	for id, s := range b.studies {
		if id.dir == dir {
			return s
		}
	}
	return nil
}

// outline takes over what a run planned, unless this process plans the study itself. A
// run of a part of the study leaves the rest as it is.
func (s *Study) outline(start run.Record) {
	if start.Plan == nil || s.Planned != nil {
		return
	}
	p := Planned{Description: s.Description, Replicate: start.Plan.Replicate, Response: start.Plan.Response}
	known := make(map[string]bool)
	for _, o := range start.Plan.Instances {
		i := Instance{Address: o.Address, Block: o.Block, Label: o.Label, Trial: o.Trial, Key: o.Key, Status: o.Status, Done: o.Done, Factors: factorsOf(o.Address)}
		if o.Status == planner.Pending {
			i.Status = planner.Run // what it waited for may be done by now
		}
		for n := range min(len(o.Levels), len(i.Factors)) {
			i.Factors[n].Label = o.Levels[n]
		}
		p.Instances, known[o.Address] = append(p.Instances, i), true
	}
	if start.Plan.Part {
		for _, i := range s.Instances {
			if !known[i.Address] {
				p.Instances = append(p.Instances, *i)
			}
		}
	}
	partial := start.Plan.Part && s.Partial
	s.take(p)
	s.at, s.Partial = start.Time, partial
}

// take replaces what the last plan said and keeps what the journals say of the same
// results. Instances that the study no longer has go.
func (s *Study) take(p Planned) {
	s.Description, s.Replicate, s.Response, s.Graph, s.Notes = p.Description, p.Replicate, p.Response, p.Graph, p.Notes
	s.Partial = false
	before := s.of
	s.of, s.Instances = make(map[string]*Instance), nil
	for _, i := range p.Instances {
		if was := before[i.Address]; was != nil && (i.Key.IsZero() || was.Key.IsZero() || was.Key == i.Key) {
			i.journaled = was.journaled
			i.Key = cmp.Or(i.Key, was.Key)
		}
		s.add(&i)
	}
}

// list summarizes the studies, the last run first.
func (b *board) list() []Study {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Study{}
	for s := range maps.Values(b.studies) {
		out = append(out, Study{ID: s.ID, Name: s.Name, Dir: s.Dir, LastRun: s.LastRun, Planned: s.Planned})
	}
	slices.SortFunc(out, func(a, b Study) int {
		return cmp.Or(newest(a.LastRun, b.LastRun), strings.Compare(a.Name, b.Name), strings.Compare(a.Dir, b.Dir))
	})
	return out
}

func newest(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return b.Compare(*a)
}
