package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// estimate guesses how many seconds the trials of the study still take, from those that
// ended, assuming that as many trials run at once as now. It is nil while no trial runs, and
// if nothing is known about one that has to run.
func (s *Study) estimate(now time.Time) *float64 {
	if s.Partial {
		return nil
	}
	took := s.durations(now)
	var lanes, todo []float64
	for _, i := range s.Instances {
		if !i.active() && !i.toRun() {
			continue
		}
		need, known := i.remaining(now)
		if !known {
			if need, known = took.of(s, i); !known {
				return nil
			}
			need = max(0, need*(1-i.cachedShare())-i.elapsed(now))
		}
		if i.active() {
			lanes = append(lanes, need)
		} else {
			todo = append(todo, need)
		}
	}
	if len(lanes) == 0 {
		return nil
	}
	for len(lanes) < s.width(now) {
		lanes = append(lanes, 0) // the next trial starts there
	}
	for _, need := range todo {
		lanes[slices.Index(lanes, slices.Min(lanes))] += need
	}
	return new(slices.Max(lanes))
}

// active reports whether a trial is at work.
func (i *Instance) active() bool {
	return i.Trial && (i.State == Running || i.State == Detached)
}

// toRun reports whether a run of the study starts a trial. One that is the same as another
// does not run itself.
func (i *Instance) toRun() bool {
	return i.Trial && (i.State == Left || i.State == Waiting) && i.Status != planner.Same
}

// cachedShare is the share of a trial's work that its last or next start does not repeat.
func (i *Instance) cachedShare() float64 {
	switch {
	case i.active():
		return i.done
	case i.Status == planner.Resume:
		return i.Done
	}
	return 0
}

// elapsed is how many seconds an active trial has been at work.
func (i *Instance) elapsed(now time.Time) float64 {
	if !i.active() || i.started.IsZero() {
		return 0
	}
	return now.Sub(i.started).Seconds()
}

// remaining is how many seconds an active trial still needs by its own reports.
func (i *Instance) remaining(now time.Time) (seconds float64, ok bool) {
	if !i.active() || i.Left == nil {
		return 0, false
	}
	return max(0, *i.Left-now.Sub(i.latest).Seconds()), true
}

// width is how many trials were at work when the last one ended, if that is so recent that
// the next one may not have started.
func (s *Study) width(now time.Time) int {
	var end time.Time
	ended := func(i *Instance) bool {
		return i.Trial && (i.last.Type == run.StageDone || i.last.Type == run.StageFailed)
	}
	for _, i := range s.Instances {
		if ended(i) && i.last.Time.After(end) {
			end = i.last.Time
		}
	}
	n := 0
	for _, i := range s.Instances {
		if i.started.Before(end) && !i.started.IsZero() && (i.active() || ended(i) && !i.last.Time.Before(end)) {
			n++
		}
	}
	if now.Sub(end) > silence {
		return 0
	}
	return n
}

// durations are the mean seconds of trials, by cell and by stage.
type durations map[string]mean

type mean struct {
	sum float64
	n   int
}

// durations averages the trials that ended in a run on record, and those at work that
// report how much is left. Resumed trials are left out: only their last run is timed.
func (s *Study) durations(now time.Time) durations {
	d := make(durations)
	for _, i := range s.Instances {
		var took float64
		left, reported := i.remaining(now)
		switch {
		case i.resumed:
			continue
		case i.Trial && i.State == Cached && i.Seconds != nil:
			took = *i.Seconds
		case reported && !i.started.IsZero():
			took = i.elapsed(now) + left
		default:
			continue
		}
		for _, group := range []string{s.cellOf(i), i.Stage()} {
			m := d[group]
			d[group] = mean{m.sum + took, m.n + 1}
		}
	}
	return d
}

// of is what a trial takes: the mean of its cell, else that of its stage.
func (d durations) of(s *Study, i *Instance) (seconds float64, ok bool) {
	for _, group := range []string{s.cellOf(i), i.Stage()} {
		if m := d[group]; m.n > 0 {
			return m.sum / float64(m.n), true
		}
	}
	return 0, false
}

// cellOf names the cell of a trial: its stage and its levels but the replicate's.
func (s *Study) cellOf(i *Instance) string {
	var b strings.Builder
	b.WriteString(i.Stage() + "[")
	for _, f := range i.Factors {
		if f.Name != cmp.Or(i.Replicate, s.Replicate, "seed") {
			b.WriteString(f.Name + "\x00" + f.Level + "\x00")
		}
	}
	return b.String()
}
