package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"ablate/stages/record"
)

// advance computes the steps of one call of the backend, at most up to a step, then
// observes and saves where that is due.
func (l *loop) advance(ctx context.Context, to int) error {
	if !l.background.busy() {
		if err := l.background.settle(); err != nil {
			return err
		}
	}
	first := l.at
	in, err := l.inputs(first, l.callLength(to))
	if err != nil {
		return err
	}
	l.at = -1
	losses, norms, err := l.machine.steps(first, in)
	if err != nil {
		return err
	}
	for i := range in {
		l.done++
		if err := l.take(first+i+1, float64(losses[i]), float64(norms[i])); err != nil {
			return err // l.at stays -1, so that no state is saved that lacks the rows of a step
		}
	}
	l.at = first + len(in)
	l.report(float64(losses[len(in)-1]))
	if ctx.Err() != nil { // observers can run later, on the state that stop saves
		return nil
	}
	if err := l.observe(ctx); err != nil {
		return err
	}
	if l.doubt != nil && l.at == l.doubt.step {
		return fmt.Errorf("%w, but not when repeated: the machine does not repeat its results", l.doubt)
	}
	return l.save(ctx)
}

// inputs prepares the host's part of n steps.
func (l *loop) inputs(first, n int) ([]stepInput, error) {
	in := make([]stepInput, n)
	for i := range in {
		tokens, err := l.feed.batch(first + i)
		if err != nil {
			return nil, fmt.Errorf("reading tokens: %w", err)
		}
		if n > 1 { // the feed uses the memory again
			tokens = slices.Clone(tokens)
		}
		in[i] = stepInput{l.spec.Schedule.at(first+i, l.spec.Steps), tokens, l.noise(first + i)}
	}
	return in, nil
}

// callLength is the number of steps of the next call of the backend. A call ends
// where an observation, a state or the confirmation of a divergence is due.
func (l *loop) callLength(to int) int {
	n := 1
	for n < l.perCall && l.at+n < to && !l.endsCall(l.at+n) {
		n++
	}
	return n
}

func (l *loop) endsCall(step int) bool {
	due := func(o observer) bool { return o.due(step, l.spec.Steps) }
	c := l.spec.Checkpoint
	return slices.ContainsFunc(l.journal.observers, due) || c.Every > 0 && step%c.Every == 0 || step == l.spec.forkStep() ||
		l.doubt != nil && step == l.doubt.step
}

// take records the rows of a step, or returns the divergence that it is.
func (l *loop) take(step int, loss, norm float64) error {
	if l.spec.diverges(loss) {
		return &divergence{step, trainLoss, loss}
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return &divergence{step, gradientNorm, norm}
	}
	return l.record(step, []record.Row{{Step: step, Name: trainLoss, Value: loss}, {Step: step, Name: gradientNorm, Value: norm}})
}

// diverges reports whether a loss ends a trial.
func (t *LM) diverges(loss float64) bool {
	return math.IsNaN(loss) || math.IsInf(loss, 0) || t.Diverge > 0 && loss > t.Diverge
}

// record keeps the rows of a step, or compares them with the rows of an earlier run.
func (l *loop) record(step int, rows []record.Row) error {
	known := l.rows[step]
	if l.latest == nil || step > l.latest.step {
		l.rows[step] = rows
		return nil
	}
	if l.latest.entry.Class == l.env.States.Class() && !slices.Equal(known, rows) {
		return fmt.Errorf("step %d gave %v when it was first computed and %v now, in one numerics class (%s): the machine does not repeat its results",
			step, known, rows, l.env.States.Class())
	}
	return nil
}

// noise draws the random words from which a step makes its dropout masks.
func (l *loop) noise(step int) []uint32 {
	if !l.recipe.noisy() {
		return nil
	}
	words := make([]uint32, 2*l.recipe.accumulate)
	for i := range words {
		words[i] = uint32(l.dropout.Uint64(uint64(step*len(words) + i)))
	}
	return words
}

// observe runs the observers that are due and whose observation is not stored.
func (l *loop) observe(ctx context.Context) error {
	if l.at == 0 {
		return nil
	}
	for i, o := range l.journal.observers {
		at := observedAt{i, l.at}
		e, seen := l.journal.seen[at]
		beyond := l.latest == nil || l.at > l.latest.step
		if !o.due(l.at, l.spec.Steps) {
			continue
		}
		if seen && !(beyond && e.Class != l.env.States.Class()) {
			d, err := l.journal.observedDivergence(ctx, at)
			if err != nil {
				return err
			}
			if d != nil {
				return d
			}
			continue
		}
		rows, err := o.measure(l)
		if err != nil {
			return err
		}
		if err := l.background.settle(); err != nil {
			return err
		}
		ctx := context.WithoutCancel(ctx) // an interrupted trial waits for it
		l.background.start(func() (func() error, error) {
			e, err := l.journal.observed(ctx, at, rows)
			return func() error { l.journal.seen[at] = e; return nil }, err
		})
	}
	return nil
}

// evaluate computes the loss on validation text.
func (l *loop) evaluate() ([]record.Row, error) {
	sum := 0.0
	for _, batch := range l.checks {
		loss, err := l.machine.evaluate(batch)
		if err != nil {
			return nil, err
		}
		sum += loss
	}
	mean := sum / float64(len(l.checks))
	if l.spec.diverges(mean) {
		return nil, &divergence{l.at, validationLoss, mean}
	}
	l.env.Log.Info("evaluated", "step", l.at, "of", l.spec.Steps, "val_loss", mean)
	l.env.Progress(l.progress(map[string]float64{"val_loss": mean}))
	return []record.Row{{Step: l.at, Name: validationLoss, Value: mean}}, nil
}

// probe measures the inside of the model. NaN and infinities are left out; the loss
// decides whether a trial diverges.
func (l *loop) probe() ([]record.Row, error) {
	readings, values, err := l.machine.probe(l.checks[0])
	if err != nil {
		return nil, err
	}
	rows := make([]record.Row, 0, len(values))
	for i, v := range values {
		if v := float64(v); !math.IsNaN(v) && !math.IsInf(v, 0) {
			rows = append(rows, record.Row{Step: l.at, Name: readings[i].name(), Value: v})
		}
	}
	return rows, nil
}
