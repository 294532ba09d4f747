package train

import (
	"context"

	"ablate/stages/record"
)

// The outcome of a trial depends on its losses and its own limit. Rows may have been
// cached under another limit, so they are compared with this one whenever a run
// resumes from them.

// outcome is the first divergence in the cached rows up to a saved state. The order
// is that of a run: the loss of a step, then that of its evaluation. The rows of the
// diverged step are removed, since a run that diverges there does not write them.
func (j *journal) outcome(ctx context.Context, rows map[int][]record.Row, upto *saved) (*divergence, error) {
	for step := 1; step <= upto.step && j.spec.Diverge > 0; step++ {
		if d := j.diverging(rows[step]); d != nil {
			delete(rows, step)
			return d, nil
		}
		for i := range j.observers {
			if d, err := j.observedDivergence(ctx, observedAt{i, step}); d != nil || err != nil {
				return d, err
			}
		}
	}
	return nil, nil
}

// observedDivergence is the divergence in a cached observation. NaN and infinities
// are never cached, so there is none without a limit.
func (j *journal) observedDivergence(ctx context.Context, at observedAt) (*divergence, error) {
	o := j.observers[at.observer]
	if _, ok := j.seen[at]; !ok || j.spec.Diverge == 0 || o.output != record.Metrics || !o.due(at.step, j.spec.Steps) {
		return nil, nil
	}
	rows, err := j.observation(ctx, at)
	return j.diverging(rows), err
}

// diverging is the divergence in rows of losses.
func (j *journal) diverging(rows []record.Row) *divergence {
	for _, r := range rows {
		if (r.Name == trainLoss || r.Name == validationLoss) && j.spec.diverges(r.Value) {
			return &divergence{r.Step, r.Name, r.Value}
		}
	}
	return nil
}

// surveyOutcome is outcome for a plan, which assumes no divergence where a state
// cannot be read.
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
