package train_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ablate/cache"
)

// What a trial measured stays in the store when a collection with a budget comes
// between two of its steps, however old it is. Only tensors go.
func TestCollectedWhileItTrains(t *testing.T) {
	text := study(12, "evaluate {\n every = 2\n}\nprobe {\n every = 3\n}\ncheckpoint {\n every = 4\n}")
	straight, l := newLab(t), newLab(t)
	straight.must(text, 12)
	ctx := context.Background()
	collections := 0
	l.meddle = func(e cache.Entry) error {
		c, err := l.store.Collect(ctx, cache.CollectOptions{Budget: 0, Now: time.Now().Add(48 * time.Hour), Grace: 24 * time.Hour})
		if err != nil {
			return err
		}
		// No run is recorded here, and what is about to be published has no entry yet.
		c.Items = slices.DeleteFunc(c.Items, func(g cache.Garbage) bool { return !strings.Contains(g.Why, "budget") })
		collections++
		_, err = c.Apply(ctx)
		return err
	}
	l.must(text, 12)
	if collections < 6 {
		t.Fatalf("%d collections came between steps", collections)
	}
	l.meddle = nil
	l.same(straight, text)
}

// An observation that the store loses all the same is repeated.
func TestLostObservationIsRepeated(t *testing.T) {
	for _, diverge := range []string{"", "diverge_above = 1000\n"} { // reads observations on the way as well
		text := study(12, diverge+"evaluate {\n every = 2\n}\nprobe {\n every = 3\n}\ncheckpoint {\n every = 4\n}")
		straight, l := newLab(t), newLab(t)
		straight.must(text, 12)
		var rows []cache.Digest
		lost := 0
		l.meddle = func(e cache.Entry) error {
			if a, ok := e.Artifact("rows"); ok {
				rows = append(rows, a.Digest)
			}
			if len(rows) > 5 && lost == 0 {
				lost = 2
				return l.store.Evict(context.Background(), rows[:lost]...)
			}
			return nil
		}
		if err := l.run(text, 0); err != nil || lost == 0 {
			t.Fatalf("with %d lost observations: %v", lost, err)
		}
		l.meddle = nil
		l.same(straight, text)
	}
}

// A trial ends while one with the same states saves one of them: it has published the
// state, and drops its tensors before the other has published its own.
func TestSameStatesAreDroppedMeanwhile(t *testing.T) {
	text := study(12, "evaluate {\n every = 5\n}\ncheckpoint {\n every = 4\n}")
	straight, l := newLab(t), newLab(t)
	straight.must(text, 12)
	dropped := 0
	l.meddle = func(e cache.Entry) error {
		state, ok := e.Artifact("state")
		if !ok {
			return nil
		}
		dropped++
		_, err := l.store.Publish(context.Background(), e)
		return errors.Join(err, l.store.Evict(context.Background(), state.Digest))
	}
	l.must(text, 12)
	if dropped != 2 {
		t.Fatalf("the tensors of %d states were dropped, want 2", dropped)
	}
	l.meddle = nil
	l.same(straight, text)
}

// With an optimizer that keeps nothing, the state before the last steps has the bytes of
// the checkpoint if those steps change no parameter. It is dropped; the checkpoint stays.
func TestStateWithTheBytesOfTheCheckpoint(t *testing.T) {
	text := strings.NewReplacer("norm \"derf\" \"n\" {\n  ema_blend {}\n}", `norm "rmsnorm" "n" {}`, "norm.derf.n", "norm.rmsnorm.n",
		"optimizer \"adamw\" \"o\" {\n  learning_rate = 0.01\n}", "optimizer \"formula\" \"o\" {\n rule \"rest\" {\n value = value - learning_rate * gradient\n}\n}",
		"optimizer.adamw.o", "optimizer.formula.o",
	).Replace(study(6, "schedule \"formula\" {\n multiplier = step < 3 ? 1 : 0\n}\ncheckpoint {\n every = 4\n}"))
	l := newLab(t)
	l.must(text, 6)
	if _, checkpoint := l.result(text); checkpoint == (cache.Digest{}).String() {
		t.Error("there is no checkpoint")
	}
}
