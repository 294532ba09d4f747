package train

import (
	"context"
	"fmt"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
)

// span is a range of steps to compute: from+1 to to.
type span struct{ from, to int }

// spans lists the steps to compute for all missing rows and, with needLast, for the
// last state. at is the step of the machine's state, −1 for none. ended is a
// divergence in the cached rows, which ends the run there.
func (j *journal) spans(latest *saved, at int, needLast bool, ended *divergence) []span {
	last := j.spec.Steps
	if ended != nil {
		last, needLast = ended.step-1, false
	}
	known := 0
	if latest != nil {
		known = latest.step
	}
	var targets []int
	for _, m := range j.missing(latest) {
		if m.step <= last {
			targets = append(targets, m.step)
		}
	}
	final := j.at(last)
	if known < last || needLast && at != last && (final == nil || !final.loadable) {
		targets = append(targets, last)
	}
	var out []span
	for _, to := range targets {
		if n := len(out); n > 0 && out[n-1].to >= to {
			continue
		}
		from := j.loadBefore(to, latest)
		if n := len(out); n > 0 && out[n-1].to >= from {
			out[n-1].to = to
			continue
		}
		if len(out) == 0 && at >= from && at <= to {
			from = at
		}
		out = append(out, span{from, to})
	}
	return out
}

// Mark implements pipeline.Resumable.
func (t *LM) Mark(in pipeline.Inputs) (cache.Key, error) {
	base, err := t.base(in)
	if err != nil {
		return cache.Key{}, err
	}
	return knownKey(base.Key(stateDomain)), nil
}

// Survey implements pipeline.Resumable.
func (t *LM) Survey(ctx context.Context, in pipeline.Inputs, states pipeline.States) (pipeline.Survey, error) {
	j, err := openJournal(ctx, t, in, states)
	if err != nil {
		return pipeline.Survey{}, err
	}
	latest := j.latest()
	if latest == nil {
		return pipeline.Survey{}, nil
	}
	ended, err := j.surveyOutcome(ctx, latest)
	if err != nil {
		return pipeline.Survey{}, err
	}
	var replayed, seen []string
	var todo, again int
	for _, s := range j.spans(latest, -1, t.Checkpoint.Keep != "none", ended) {
		todo += s.to - s.from
		switch to := min(s.to, latest.step); {
		case s.from == s.to:
			seen = append(seen, fmt.Sprint(to))
		case s.from < to:
			again += to - s.from
			replayed = append(replayed, fmt.Sprintf("%d-%d", s.from+1, to))
		}
	}
	var parts []string
	if fresh := todo - again; fresh > 0 {
		parts = append(parts, fmt.Sprintf("trains steps %d-%d", latest.step+1, t.Steps))
	}
	if again > 0 {
		parts = append(parts, "replays steps "+strings.Join(replayed, ", ")+" to see what was not looked at or kept")
	}
	if todo == 0 {
		parts = append(parts, "trains nothing")
	}
	if ended != nil {
		parts = append(parts, fmt.Sprintf("diverges at step %d", ended.step))
	}
	if seen != nil {
		parts = append(parts, "looks at the states after steps "+strings.Join(seen, ", "))
	}
	return pipeline.Survey{
		Text: fmt.Sprintf("steps 1-%d of %d are cached: %s", latest.step, t.Steps, strings.Join(parts, ", ")),
		Done: 1 - float64(todo)/float64(t.Steps),
	}, nil
}
