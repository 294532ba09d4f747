package ui

import (
	"maps"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// Planned is what planning a study says about it.
type Planned struct {
	Name, Dir   string
	Description string
	Replicate   string // the factor that repeats the experiment; "" for none
	Response    string // the metric that the first analysis is about; "" for none
	Graph       string // its stages as an SVG of this program
	Notes       []string
	Instances   []Instance
}

// Instance is one instance of a study as the page shows it, by its plan and by what runs
// reported.
type Instance struct {
	Address string           `json:"address"`
	Block   string           `json:"block"`
	Label   string           `json:"label,omitempty"`
	Trial   bool             `json:"trial,omitempty"`
	Factors []Factor         `json:"factors,omitempty"`
	Key     cache.Key        `json:"key,omitzero"`
	Status  planner.Status   `json:"action,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	Changes []planner.Change `json:"changes,omitempty"`
	Done    float64          `json:"-"` // of a trial to resume: the share of its work that is cached; 0 if unknown
	Spec    string           `json:"-"`
	Answers string           `json:"answers,omitempty"` // of an analysis: the artifact with its tables

	Findings []string `json:"findings,omitempty"` // of an analysis: what it found, in sentences

	// Of a run of another program, which a stage imported.
	Imported  bool   `json:"imported,omitempty"`
	Replicate string `json:"replicate,omitempty"` // the factor that numbers replicates; "" for that of the study

	// Of an analysis that waits for trials: the result from those that are done, and
	// how many it lacks.
	PartialKey cache.Key `json:"partial,omitzero"`
	Absent     int       `json:"absent"`

	State State `json:"state"`
	journaled

	planned cache.Key // that this process planned; zero if it did not, or while the key is not known
	version uint64    // of the board, when the instance last changed

	imported importedRun
}

// journaled is what journals say of an instance.
type journaled struct {
	Step    int                `json:"step"`
	Steps   int                `json:"steps"`             // 0 before the first report
	Metrics map[string]float64 `json:"metrics,omitempty"` // the latest; of a finished trial in its detail, the final ones
	At      map[string]int     `json:"at,omitempty"`      // the steps of the latest metrics
	Left    *float64           `json:"left,omitempty"`    // estimated seconds until the end
	Seconds *float64           `json:"seconds,omitempty"` // that computing took
	Error   string             `json:"error,omitempty"`

	last    run.Record // the last one that is not progress
	started time.Time
	first   run.Record // of progress, since the start
	latest  time.Time  // of progress
	points  livePoints // reported since the start
	begin   int        // the step of the first report of any start; 0 before it
	resumed bool       // the last start continued from a cached part
	done    float64    // the share of the work that was cached then, if known
}

// Stage is the address of the instance without its key.
func (i *Instance) Stage() string {
	stage, _, _ := strings.Cut(i.Address, "[")
	return stage
}

// Factor is a factor of a trial at its level.
type Factor struct {
	Name  string `json:"name"`
	Level string `json:"level"`
	Label string `json:"label,omitempty"`
}

// State is what the page says about an instance.
type State string

// The states of an instance.
const (
	Cached   State = "cached"
	Running  State = "running"
	Detached State = "detached" // still running on its executor, without a coordinator
	Failed   State = "failed"
	Stopped  State = "stopped" // its process ended without a result
	Waiting  State = "waiting" // for a result that it depends on, or for another process
	Left     State = "left"    // a run would compute it
)

// livePoint is one report of a running trial.
type livePoint struct {
	step    int
	metrics map[string]float64
}

// maxPoints bounds what is kept of a trial while it runs.
const maxPoints = 4096

// livePoints are the reports of a running trial: all, then every second, then every
// fourth, and so on. Reports with other metrics are counted apart, since a trial that
// reports losses and evaluations by turns would lose one of them.
type livePoints struct {
	list   []livePoint
	stride int
	seen   map[string]int // reports by the names of their metrics
}

func (l *livePoints) add(p livePoint) {
	if l.seen == nil {
		l.stride, l.seen = 1, make(map[string]int)
	}
	if len(l.list) == maxPoints {
		l.stride *= 2
		kept := make(map[string]int)
		var thinned []livePoint // a new list, as the old one may be on its way to a browser
		for _, old := range l.list {
			if kept[old.names()]%2 == 0 {
				thinned = append(thinned, old)
			}
			kept[old.names()]++
		}
		l.list = thinned
	}
	if l.seen[p.names()]%l.stride == 0 && len(l.list) < maxPoints {
		l.list = append(l.list, p)
	}
	l.seen[p.names()]++
}

func (p livePoint) names() string { return strings.Join(slices.Sorted(maps.Keys(p.metrics)), "\n") }

// apply takes over what a record says.
func (i *Instance) apply(r run.Record) {
	if r.Type == run.StageProgress {
		i.progress(r)
		return
	}
	i.last = r
	if !r.Key.IsZero() {
		if r.Key != i.Key {
			i.begin = 0
		}
		i.Key = r.Key
	}
	i.Trial = i.Trial || r.Trial
	i.Error = r.Error
	switch r.Type {
	case run.StageStart:
		i.started, i.first, i.points = r.Time, run.Record{}, livePoints{}
		i.Step, i.Metrics, i.At, i.Left, i.Seconds = 0, nil, nil, nil, nil
		i.resumed, i.done = i.Status == planner.Resume, i.Done
	case run.StageDone, run.StageFailed:
		i.Seconds, i.Left = &r.Seconds, nil
		if r.Type == run.StageDone {
			i.Step = i.Steps
		}
	}
}

// progress records a report. Trials report a loss and an evaluation by turns, and
// both stay.
func (i *Instance) progress(r run.Record) {
	p := r.Progress
	if p.Warning != "" || p.Waits != "" {
		return
	}
	if i.first.Time.IsZero() {
		i.first = r
		if i.begin == 0 {
			i.begin = p.Step
		}
		i.resumed = i.resumed || p.Step > i.begin // from the beginning, it would report the same step first
	}
	i.Step, i.Steps, i.latest = p.Step, p.Steps, r.Time
	metrics := i.rowsOfReport(p.Metrics)
	merged := make(map[string]float64) // a new map, as the old one may be on its way to a browser
	maps.Copy(merged, i.Metrics)
	maps.Copy(merged, metrics)
	at := make(map[string]int)
	maps.Copy(at, i.At)
	for name := range metrics {
		at[name] = p.Step
	}
	i.Metrics, i.At = merged, at
	if steps := p.Step - i.first.Progress.Step; steps > 0 {
		i.Left = new(r.Time.Sub(i.first.Time).Seconds() / float64(steps) * float64(p.Steps-p.Step))
	}
	i.points.add(livePoint{step: p.Step, metrics: metrics})
}

// rowsOfReport gives the metrics of a report the names that the rows of the trial have. Training
// in this program reports its loss as "loss"; programs report their own rows.
func (i *Instance) rowsOfReport(metrics map[string]float64) map[string]float64 {
	loss, ok := metrics["loss"]
	if !ok || !strings.HasPrefix(i.Address, "train.lm.") {
		return metrics
	}
	out := maps.Clone(metrics)
	delete(out, "loss")
	out["train_loss"] = loss
	return out
}

// silence is how long a running instance may report nothing while no process holds
// its key.
const silence = 15 * time.Second

// settle decides the state, given whether a process holds a key. The plan wins where it is newer than the last record.
func (i *Instance) settle(planned, now time.Time, locked, unrecorded func(cache.Key) bool) State {
	switch i.last.Type {
	case "":
	case run.StageDone, run.StageHit, run.StagePulled:
		if i.Status == planner.Hit || i.last.Time.After(planned) {
			return Cached
		}
	case run.StageFailed:
		if i.Status != planner.Hit {
			return Failed
		}
	case run.StageDetached:
		if i.Status != planner.Hit {
			return Detached
		}
	case run.StageWaiting:
		if now.Sub(i.last.Time) < silence {
			return Waiting
		}
	case run.StageStart, run.StageRetry:
		switch {
		case i.Status == planner.Hit && planned.After(i.last.Time):
		case later(i.last.Time, i.latest).Add(silence).After(now), locked(i.Key):
			return Running
		default:
			return Stopped
		}
	}
	switch i.Status {
	case planner.Hit:
		return Cached
	case planner.Pending, planner.Same:
		return Waiting
	}
	if i.last.Type == "" && !i.Key.IsZero() && (unrecorded(i.Key) || i.State == Running) {
		return Running
	}
	return Left
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// factorsOf reads the factors of a matrix cell from its address.
func factorsOf(address string) []Factor {
	a, err := addr.Parse(address)
	if err != nil {
		return nil
	}
	names, levels, ok := addr.ParseKey(a.Key)
	if !ok {
		return nil
	}
	var out []Factor
	for i, name := range names {
		out = append(out, Factor{Name: name, Level: levels[i]})
	}
	return out
}
