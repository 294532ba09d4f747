package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"ablate/stages/record"
)

// advance computes one step, then observes and saves where that is due.
func (l *loop) advance(ctx context.Context) error {
	if !l.background.busy() {
		if err := l.background.settle(); err != nil {
			return err
		}
	}
	t, step := l.spec, l.at
	tokens := l.feed.batch(step)
	l.at = -1
	loss, size, err := l.machine.step(step, t.Schedule.at(step, t.Steps), tokens, l.noise(step))
	if err != nil {
		return err
	}
	l.at = step + 1
	l.done++
	if err := l.check(loss); err != nil {
		return err
	}
	if math.IsNaN(size) || math.IsInf(size, 0) {
		return &divergence{l.at, size}
	}
	if err := l.record([]record.Row{{Step: l.at, Name: trainLoss, Value: loss}, {Step: l.at, Name: gradientNorm, Value: size}}); err != nil {
		return err
	}
	l.report(loss)
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

// check returns a divergence for a loss that is NaN, infinite or above the limit.
func (l *loop) check(loss float64) error {
	if l.spec.diverges(loss) {
		return &divergence{l.at, loss}
	}
	return nil
}

// diverges reports whether a loss ends a trial.
func (t *LM) diverges(loss float64) bool {
	return math.IsNaN(loss) || math.IsInf(loss, 0) || t.Diverge > 0 && loss > t.Diverge
}

// record keeps the rows of a step, or compares them with the rows of an earlier run.
func (l *loop) record(rows []record.Row) error {
	known := l.rows[l.at]
	if l.latest == nil || l.at > l.latest.step {
		l.rows[l.at] = rows
		return nil
	}
	if l.latest.entry.Class == l.env.States.Class() && !slices.Equal(known, rows) {
		return fmt.Errorf("step %d gave %v when it was first computed and %v now, in one numerics class (%s): the machine does not repeat its results",
			l.at, known, rows, l.env.States.Class())
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
	if err := l.check(mean); err != nil {
		return nil, err
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
