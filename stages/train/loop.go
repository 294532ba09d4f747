package train

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/record"
)

const (
	progressEvery = 200 * time.Millisecond // bounds how often a trial reports
	logEvery      = 5 * time.Second        // bounds how often it logs a step
	saveEvery     = time.Minute            // between states of a trial that names no steps for them
	saveLast      = 15 * time.Second       // to write a state down when stopped
)

// loop is one trial under way.
type loop struct {
	spec    *LM
	env     *pipeline.Env
	recipe  *recipe
	feed    *feed
	dropout ml.Stream
	checks  [][]int32 // the evaluation's batches
	init    func() [][]float32
	journal *journal

	machine  *machine
	at       int // steps that the machine has done, −1 when it holds no state
	spine    *saved
	parent   *saved               // the last written state that the machine passed, nil for the start
	rows     map[int][]record.Row // of training, by step
	doubt    *divergence          // seen once, to be confirmed
	ended    *divergence          // that the cached rows tell of, under this trial's limit
	diverged *divergence

	// All that is written down on the way, in order, each when what it rests on
	// is there. The trial waits for it where it asks the journal, and at its end.
	background background

	written time.Time // when a state was last written down
	shown   time.Time
	logged  time.Time // the last step in the log
	started time.Time
	done    int // steps computed since
}

// Names of the rows of a trial.
const (
	trainLoss      = "train_loss"
	gradientNorm   = "grad_norm"
	validationLoss = "val_loss"
)

// divergence is a loss, or a norm of the gradient, that ends a trial.
type divergence struct {
	step int
	loss float64
}

func (d *divergence) Error() string {
	return fmt.Sprintf("the loss or its gradient became %v at step %d", d.loss, d.step)
}

// follow computes what the journal lacks. A state that cannot be read is
// forgotten, and the work planned anew.
func (l *loop) follow(ctx context.Context) error {
	defer l.feed.wait()
	l.started, l.written = time.Now(), time.Now()
	if err := l.recall(ctx); err != nil {
		return err
	}
	work := l.work()
	for len(work) > 0 {
		err := l.cover(ctx, work[0])
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
		case errors.Is(err, errLost):
			if err := l.recall(ctx); err != nil {
				return err
			}
		case !errors.As(err, &d):
			return err
		case l.doubt == nil:
			// Once more from the last state: what diverges again is an outcome.
			l.env.Log.Warn("diverged, repeating to confirm", "step", d.step, "loss", d.loss)
			l.doubt, l.at = d, -1
		case l.doubt.step == d.step:
			l.env.Log.Warn("diverged", "step", d.step, "loss", d.loss)
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

// errLost says that a state turned out to be unusable.
var errLost = errors.New("a state is lost")

// overtaken says that another process was first with the state after some
// steps, and with other bits.
type overtaken struct{ step int }

func (o overtaken) Error() string {
	return fmt.Sprintf("another process has written the state after %d steps, with other bits", o.step)
}

// work lists what is to be computed from here on.
func (l *loop) work() []span {
	return l.journal.spans(l.spine, l.at, l.spec.Checkpoint.Keep != "none", l.ended)
}

// recall takes over what is known of the past.
func (l *loop) recall(ctx context.Context) error {
	for {
		l.spine, l.ended = l.journal.spine(), nil
		if l.spine == nil {
			return nil
		}
		past, err := l.journal.past(ctx, l.spine)
		if err == nil {
			l.rows = past.rows
			l.env.Log.Info("found", "steps", l.spine.step, "of", l.spec.Steps, "class", l.spine.entry.Class)
			for _, class := range past.classes {
				l.rests(class)
			}
			l.ended, err = l.journal.outcome(ctx, past.rows, l.spine)
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.env.Log.Warn("a state cannot be used", "steps", l.spine.step, "error", err)
		l.journal.forget(l.spine)
	}
}

// rests records what class of machine the result rests on.
func (l *loop) rests(class string) {
	if class != l.env.States.Class() {
		l.env.Mixed(class)
	}
}

// goTo puts the machine at a state that can be loaded, or at the start.
func (l *loop) goTo(ctx context.Context, step int) error {
	if l.at == step {
		return nil
	}
	l.at, l.parent = -1, nil
	if step == 0 {
		l.at = 0
		return l.machine.start(l.init())
	}
	s := l.journal.at(step)
	tensors, err := l.journal.tensors(ctx, s)
	if err == nil {
		err = l.machine.load(tensors)
	}
	if err != nil {
		return fmt.Errorf("going on from step %d: %w", step, err)
	}
	l.at, l.parent = step, s
	return nil
}

// cover computes a span.
func (l *loop) cover(ctx context.Context, s span) error {
	if err := l.goTo(ctx, s.from); err != nil {
		var device *ml.DeviceError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &device): // the state may be as good as ever
			return err
		}
		l.env.Log.Warn("a state cannot be loaded", "steps", s.from, "error", err)
		l.journal.at(s.from).loadable = false
		return errLost
	}
	err := l.observe(ctx)
	for err == nil && ctx.Err() == nil && l.at < s.to {
		err = l.advance(ctx)
	}
	if ctx.Err() != nil {
		return l.stop(ctx)
	}
	// Whatever came of the steps since a state, it rests on that state.
	if lost := l.background.settle(); lost != nil {
		return lost
	}
	return err
}

// stop writes the state down before giving in.
func (l *loop) stop(ctx context.Context) error {
	cause := context.Cause(ctx)
	if err := l.background.settle(); err != nil {
		l.env.Log.Warn("what was reached could not be saved", "error", err)
	}
	if l.at <= 0 || l.parent != nil && l.parent.step == l.at || l.spine != nil && l.at <= l.spine.step {
		return cause
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	if err := l.writeNow(late, false); err != nil {
		l.env.Log.Warn("the state could not be saved", "step", l.at, "error", err)
	}
	return cause
}

// advance does one step and what follows from it.
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
	if ctx.Err() != nil { // observers can run later, on the state that is written now
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

// check ends a trial whose loss is no number, or too large.
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

// record keeps a step's rows, or compares them with those that are known.
func (l *loop) record(rows []record.Row) error {
	known := l.rows[l.at]
	if l.spine == nil || l.at > l.spine.step {
		l.rows[l.at] = rows
		return nil
	}
	if l.spine.entry.Class == l.env.States.Class() && !slices.Equal(known, rows) {
		return fmt.Errorf("step %d gave %v when it was first computed and %v now, in one numerics class (%s): the machine does not repeat its results",
			l.at, known, rows, l.env.States.Class())
	}
	return nil
}

// noise draws the words that a step's dropout masks follow from.
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

// observe lets everybody look who is due and has not looked yet.
func (l *loop) observe(ctx context.Context) error {
	if l.at == 0 {
		return nil
	}
	for i, o := range l.journal.observers {
		at := sighting{i, l.at}
		e, seen := l.journal.seen[at]
		beyond := l.spine == nil || l.at > l.spine.step
		if !o.due(l.at, l.spec.Steps) {
			continue
		}
		if seen && !(beyond && e.Class != l.env.States.Class()) {
			d, err := l.journal.told(ctx, at)
			if err != nil {
				return err
			}
			if d != nil {
				return d
			}
			continue
		}
		rows, err := o.look(l)
		if err != nil {
			return err
		}
		if err := l.background.settle(); err != nil {
			return err
		}
		ctx := context.WithoutCancel(ctx) // a stop waits
		l.background.start(func() (func() error, error) {
			e, err := l.journal.observed(ctx, at, rows)
			return func() error { l.journal.seen[at] = e; return nil }, err
		})
	}
	return nil
}

// evaluate takes the loss on validation text.
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

// probe looks inside the model. What is no number is left out: a diverging
// trial ends elsewhere.
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

// save writes the state down where that is due.
func (l *loop) save(ctx context.Context) error {
	c := l.spec.Checkpoint
	last := l.at == l.spec.Steps
	boundary := c.Every > 0 && l.at%c.Every == 0 || c.Every == 0 && !l.background.busy() && time.Since(l.written) >= saveEvery
	kept := c.Keep == "all" && (boundary || last) || c.Keep == "final" && (last || l.at == l.spec.forkStep())
	if !kept && !boundary {
		return nil
	}
	if err := l.background.settle(); err != nil {
		return err
	}
	if s := l.journal.saved[kept][l.at]; s != nil && s.loadable {
		return l.pass(ctx, s)
	}
	return l.write(context.WithoutCancel(ctx), kept) // a stop waits
}

// pass checks that the machine stands where it stood when the state was
// written.
func (l *loop) pass(ctx context.Context, s *saved) error {
	params, moments, err := l.machine.save()
	if err != nil {
		return err
	}
	n, err := l.journal.note(ctx, s)
	if err != nil {
		return err
	}
	if got := digestOf(params, moments); got != n.State && s.entry.Class == l.env.States.Class() {
		return fmt.Errorf("the state after %d steps is %s now and was %s, in one numerics class (%s): the machine does not repeat its results",
			l.at, got, n.State, s.entry.Class)
	}
	l.parent = s
	return nil
}

// digestOf is the digest of a state as one safetensors file.
func digestOf(params, moments []ml.Tensor) cache.Digest {
	h := sha256.New()
	if err := ml.WriteSafetensors(h, nil, slices.Concat(params, moments)); err != nil {
		panic("train: hashing a state: " + err.Error()) // a hash takes all bytes
	}
	return cache.Digest(h.Sum(nil))
}

// write begins to publish a copy of the machine's state.
func (l *loop) write(ctx context.Context, kept bool) error {
	params, moments, err := l.machine.save()
	if err != nil {
		return err
	}
	n, err := l.note(ctx)
	if err != nil {
		return err
	}
	l.background.start(func() (func() error, error) {
		if n.State.IsZero() {
			n.State = digestOf(params, moments)
		}
		s, err := l.journal.keep(ctx, n, kept, params, moments)
		return func() error { return l.wrote(s, n.State) }, err
	})
	return nil
}

// note says what the machine's state follows from. It lacks the state's digest,
// unless the state is there in another form.
func (l *loop) note(ctx context.Context) (note, error) {
	n := note{Step: l.at}
	if l.parent != nil {
		was, err := l.journal.note(ctx, l.parent)
		if err != nil || was.Step == l.at {
			return was, err
		}
		n.Parent, n.ParentKept, n.ParentState = l.parent.step, l.parent.kept, was.State
	}
	for step := n.Parent + 1; step <= l.at; step++ {
		n.Rows = append(n.Rows, l.rows[step]...)
	}
	return n, nil
}

// wrote goes on from a state that was written, unless another process was first
// with one of other bits: then the machine has left the trial's path.
func (l *loop) wrote(s *saved, mine cache.Digest) error {
	l.journal.saved[s.kept][s.step] = s
	l.written = time.Now()
	if s.told.State != mine {
		l.at = -1
		return overtaken{s.step}
	}
	l.parent = s
	return nil
}

// writeNow publishes the machine's state.
func (l *loop) writeNow(ctx context.Context, kept bool) error {
	if err := l.write(ctx, kept); err != nil {
		return err
	}
	return l.background.settle()
}

// adopt goes on from the state that another process has written, whose past may
// be its own, too.
func (l *loop) adopt(ctx context.Context, o overtaken) error {
	l.env.Log.Warn("adopting another process's state", "step", o.step, "class", l.journal.at(o.step).entry.Class)
	if err := l.journal.findStates(ctx); err != nil {
		return err
	}
	if err := l.recall(ctx); err != nil {
		return err
	}
	if l.journal.at(o.step) == nil {
		return fmt.Errorf("%w, and its past cannot be read", o)
	}
	l.at, l.doubt = -1, nil
	return l.goTo(ctx, o.step)
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
