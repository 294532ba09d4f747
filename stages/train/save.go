package train

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"ablate/cache"
	"ablate/stages/internal/ml"
)

// save saves the state where that is due.
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
		return l.verify(ctx, s)
	}
	return l.write(context.WithoutCancel(ctx), kept) // an interrupted trial waits for it
}

// verify compares the machine's state with the saved one of the same step.
func (l *loop) verify(ctx context.Context, s *saved) error {
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

// write starts to publish a copy of the machine's state.
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
		return func() error { return l.stateSaved(s, n.State) }, err
	})
	return nil
}

// note describes the machine's state. It has no digest yet, unless the same state
// is stored in another form.
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

// stateSaved makes a saved state the parent of the next one. If another process was
// first with other bits, the machine's state no longer belongs to the trial.
func (l *loop) stateSaved(s *saved, mine cache.Digest) error {
	l.journal.saved[s.kept][s.step] = s
	l.written = time.Now()
	if s.note.State != mine {
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

// adopt continues from the state that another process saved, and from its past.
func (l *loop) adopt(ctx context.Context, o overtaken) error {
	l.env.Log.Warn("adopting another process's state", "step", o.step, "class", l.journal.at(o.step).entry.Class)
	if err := l.journal.findStates(ctx); err != nil {
		return err
	}
	if err := l.resume(ctx); err != nil {
		return err
	}
	if l.journal.at(o.step) == nil {
		return fmt.Errorf("%w, and the states before it cannot be read", o)
	}
	l.at, l.doubt = -1, nil
	return l.goTo(ctx, o.step)
}
