package train

import (
	"context"

	"ablate/stages/record"
)

// How a trial ends follows from its losses and its own limit, never from what was
// cached under another one: whatever a run takes over from the store is held
// against the limit again.

// outcome is the first divergence that cached rows tell of, up to a saved state, in
// the order in which a run would come to it: the loss of a step, then that of its
// evaluation. It leaves of the rows what a run that ended there would have written.
func (j *journal) outcome(ctx context.Context, rows map[int][]record.Row, upto *saved) (*divergence, error) {
	for step := 1; step <= upto.step && j.spec.Diverge > 0; step++ {
		if d := j.diverging(rows[step]); d != nil {
			delete(rows, step)
			return d, nil
		}
		for i := range j.observers {
			if d, err := j.told(ctx, sighting{i, step}); d != nil || err != nil {
				return d, err
			}
		}
	}
	return nil, nil
}

// told is the divergence that a cached observation tells of. Values that are no
// numbers are never cached, so without a limit there is none.
func (j *journal) told(ctx context.Context, at sighting) (*divergence, error) {
	o := j.observers[at.observer]
	if _, ok := j.seen[at]; !ok || j.spec.Diverge == 0 || o.output != record.Metrics || !o.due(at.step, j.spec.Steps) {
		return nil, nil
	}
	rows, err := j.observation(ctx, at)
	return j.diverging(rows), err
}

// diverging is the divergence that rows of losses tell of.
func (j *journal) diverging(rows []record.Row) *divergence {
	for _, r := range rows {
		if (r.Name == trainLoss || r.Name == validationLoss) && j.spec.diverges(r.Value) {
			return &divergence{r.Step, r.Value}
		}
	}
	return nil
}

// surveyOutcome is outcome for a plan, which believes of a state that cannot be
// read that its trial did not end.
func (j *journal) surveyOutcome(ctx context.Context, s *saved) (*divergence, error) {
	if j.spec.Diverge == 0 {
		return nil, nil
	}
	past, err := j.past(ctx, s)
	if err != nil {
		return nil, ctx.Err()
	}
	return j.outcome(ctx, past.rows, s)
}
