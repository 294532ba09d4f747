package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/record"
)

// progressEvery bounds how often a trial reports. Tests set it to 0.
var progressEvery = 200 * time.Millisecond

const (
	logEvery  = 5 * time.Second  // bounds how often it logs a step
	saveEvery = time.Minute      // between states of a trial without checkpoint.every
	saveLast  = 15 * time.Second // bounds saving the state of an interrupted trial
)

// loop is a trial in progress.
type loop struct {
	spec    *LM
	env     *pipeline.Env
	recipe  *recipe
	feed    *feed
	dropout ml.Stream
	checks  [][]int32 // the batches of the evaluation
	init    func() [][]float32
	journal *journal

	machine  *machine
	perCall  int // steps in one call of the backend, at most
	at       int // the number of steps behind the machine's state, −1 when it holds none
	latest   *saved
	parent   *saved               // the last saved state on the machine's path, nil for the start
	rows     map[int][]record.Row // of training, by step
	doubt    *divergence          // seen once and not yet confirmed
	ended    *divergence          // in the cached rows, by this trial's limit
	diverged *divergence

	// Saves states and observations in order. The trial waits for it before it uses
	// the journal, and at its end.
	background background

	written time.Time // when a state was last saved
	shown   time.Time
	logged  time.Time
	started time.Time
	done    int // steps computed since started
}

// Names of the rows of a trial.
const (
	trainLoss      = "train_loss"
	gradientNorm   = "grad_norm"
	validationLoss = "val_loss"
)

// train computes the rows and states that the journal lacks. A state that cannot be
// read is dropped, and the rest planned again.
func (l *loop) train(ctx context.Context) error {
	defer l.feed.wait()
	l.started, l.written = time.Now(), time.Now()
	if err := l.resume(ctx); err != nil {
		return err
	}
	work := l.work()
	for len(work) > 0 {
		err := l.compute(ctx, work[0])
		var d *divergence
		var o overtaken
		switch {
		case err == nil:
			work = work[1:]
			continue
		case errors.As(err, &o):
			if err := l.adopt(ctx, o); err != nil {
				return err
			}
		case errors.Is(err, errLost), l.journal.forgetLost(err) && ctx.Err() == nil:
			if err := l.resume(ctx); err != nil {
				return err
			}
		case !errors.As(err, &d):
			return err
		case l.doubt == nil:
			// Repeated from the last state: only a divergence that recurs is an outcome.
			l.env.Log.Warn("diverged, repeating to confirm", "step", d.step, d.name, d.value)
			l.doubt, l.at = d, -1
		case l.doubt.step == d.step:
			l.env.Log.Warn("diverged", "step", d.step, d.name, d.value)
			l.diverged = d
			return nil
		default:
			return fmt.Errorf("%w, and when repeated at step %d: the machine does not repeat its results", l.doubt, d.step)
		}
		work = l.work()
	}
	l.diverged = l.ended
	return nil
}

// repeats bounds how often lost observations are repeated.
const repeats = 3

// trainAll trains until the store has all observations: it may lose some meanwhile,
// which cost a few steps, not the trial.
func (l *loop) trainAll(ctx context.Context) error {
	for range repeats {
		if err := l.train(ctx); err != nil {
			return err
		}
		lost, err := l.journal.dropLost(ctx)
		if err != nil || len(lost) == 0 {
			return err
		}
		l.env.Log.Warn("observations were lost and are repeated", "steps", lost)
	}
	return errors.New("the store loses the observations of this trial while it trains: they were repeated, and lost again")
}

// errLost reports that a state turned out to be unusable.
var errLost = errors.New("a state is lost")

// overtaken reports that another process saved the state after some steps first,
// with other bits.
type overtaken struct{ step int }

func (o overtaken) Error() string {
	return fmt.Sprintf("another process has saved a different state after %d steps", o.step)
}

// work lists what remains to be computed.
func (l *loop) work() []span {
	return l.journal.spans(l.latest, l.at, l.spec.Checkpoint.Keep != "none", l.ended)
}

// resume reads the rows up to the latest state, and drops states that cannot be
// used.
func (l *loop) resume(ctx context.Context) error {
	for {
		l.latest, l.ended = l.journal.latest(), nil
		if l.latest == nil {
			return nil
		}
		past, err := l.journal.past(ctx, l.latest)
		if err == nil {
			l.rows = past.rows
			l.env.Log.Info("found", "steps", l.latest.step, "of", l.spec.Steps, "class", l.latest.entry.Class)
			for _, class := range past.classes {
				l.recordClass(class)
			}
			l.ended, err = l.journal.outcome(ctx, past.rows, l.latest)
			if l.journal.forgetLost(err) && ctx.Err() == nil {
				continue
			}
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.env.Log.Warn("a state cannot be used", "steps", l.latest.step, "error", err)
		l.journal.forget(l.latest)
	}
}

// recordClass notes that part of the result was computed in a numerics class.
func (l *loop) recordClass(class string) {
	if class != l.env.States.Class() {
		l.env.Mixed(class)
	}
}

// goTo loads the state after a number of steps, or the start.
func (l *loop) goTo(ctx context.Context, step int) error {
	if l.at == step {
		return nil
	}
	l.at, l.parent = -1, nil
	if step == 0 {
		l.at = 0
		return l.machine.set(l.init())
	}
	s := l.journal.at(step)
	tensors, err := l.journal.tensors(ctx, s)
	if err == nil {
		err = l.machine.load(tensors)
	}
	if err != nil {
		return fmt.Errorf("resuming from step %d: %w", step, err)
	}
	l.at, l.parent = step, s
	return nil
}

// compute computes a span.
func (l *loop) compute(ctx context.Context, s span) error {
	if err := l.goTo(ctx, s.from); err != nil {
		var device *ml.DeviceError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &device): // the state itself may be fine
			return err
		}
		l.env.Log.Warn("a state cannot be loaded", "steps", s.from, "error", err)
		l.journal.at(s.from).loadable = false
		return errLost
	}
	err := l.observe(ctx)
	for err == nil && ctx.Err() == nil && l.at < s.to {
		err = l.advance(ctx, s.to)
	}
	if ctx.Err() != nil {
		return l.stop(ctx)
	}
	// An error of saving counts first: the steps since depend on the saved state.
	if lost := l.background.settle(); lost != nil {
		return lost
	}
	return err
}

// stop saves the state of an interrupted trial.
func (l *loop) stop(ctx context.Context) error {
	cause := context.Cause(ctx)
	if err := l.background.settle(); err != nil {
		l.env.Log.Warn("the last state could not be saved", "error", err)
	}
	doubtful := l.doubt != nil && l.at >= l.doubt.step
	if l.at <= 0 || doubtful || l.parent != nil && l.parent.step == l.at || l.latest != nil && l.at <= l.latest.step {
		return cause
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	if err := l.writeNow(late, false); err != nil {
		l.env.Log.Warn("the state could not be saved", "step", l.at, "error", err)
	}
	return cause
}

func (l *loop) report(loss float64) {
	if now := time.Now(); now.Sub(l.shown) >= progressEvery || l.at == l.spec.Steps {
		l.shown = now
		l.env.Progress(l.progress(map[string]float64{"loss": loss}))
		if now.Sub(l.logged) >= logEvery || l.at == l.spec.Steps {
			l.logged = now
			l.env.Log.Info("trained", "step", l.at, "of", l.spec.Steps, "loss", loss)
		}
	}
}

func (l *loop) progress(metrics map[string]float64) pipeline.Progress {
	if s := time.Since(l.started).Seconds(); s > 0 {
		metrics["tokens_per_second"] = float64(l.done*l.spec.tokensPerStep()) / s
	}
	return pipeline.Progress{Step: l.at, Steps: l.spec.Steps, Metrics: metrics}
}
