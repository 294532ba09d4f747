package train_test

import (
	"context"
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
