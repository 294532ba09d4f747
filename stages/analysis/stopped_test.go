package analysis

import (
	"context"
	"errors"
	"testing"

	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// A factorial that is interrupted makes no more estimates, and says why.
func TestInterrupted(t *testing.T) {
	lab := behaviour.NewLab(nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	cancel(why)
	f := newFactorial()
	f.Resolve()
	_, err := lab.Run(canonicalTables["paired"].inputs(lab), func(_ context.Context, env *pipeline.Env) error { return f.Run(ctx, env) })
	if !errors.Is(err, why) {
		t.Errorf("Run = %v, want %v", err, why)
	}
	table := rows(3, [2]string{"a", "1"}, [2]string{"b", "1"})
	if got := f.answer(ctx, []measured{{"loss", table}}, "seed").Contrasts; len(got) > 0 {
		t.Errorf("%d contrasts after the interrupt, want none", len(got))
	}
}
