package train

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/google/go-cmp/cmp"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/behaviour"
	"ablate/stages/internal/ml"
	"ablate/stages/record"
)

// guarded is a backend that asks before each training step.
type guarded struct {
	compute.Backend
	before func() error
}

type guardedBuilder struct {
	compute.Builder
	before func() error
}

type guardedStep struct {
	compute.Executable
	before func() error
}

// Builder implements compute.Backend.
func (g guarded) Builder(name string) compute.Builder {
	b := g.Backend.Builder(name)
	if name != "step" {
		return b
	}
	return guardedBuilder{b, g.before}
}

// Compile implements compute.Builder.
func (b guardedBuilder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	return guardedStep{e, b.before}, err
}

// Execute implements compute.Executable.
func (s guardedStep) Execute(in []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	if err := s.before(); err != nil {
		return nil, err
	}
	return s.Executable.Execute(in, donate, device)
}

// tenSteps is a small trial.
func tenSteps() *LM {
	return &LM{Steps: 10, Accumulate: 1, Precision: "fp32", Batch: Batch{2, 8}, Schedule: &Schedule{Constant: &Constant{}}, Backend: "go",
		Evaluate: &Evaluate{Every: 10, Batches: 1}, Probe: &Probe{}, Checkpoint: &Checkpoint{Every: 3, Keep: "final"}}
}

// train runs a trial in a lab. before is called ahead of each step.
func (t *LM) train(ctx context.Context, lab *behaviour.Lab, before func() error) (behaviour.Done, error) {
	b, err := backend.Open("go", 1)
	if err != nil {
		return behaviour.Done{}, err
	}
	in := exampleInputs()
	for _, block := range []string{"model", "norm", "optimizer"} {
		in.Refs[block][0].Ref = behaviour.StandIn(block)
	}
	in.Refs["data"][0].Artifacts = []cache.Artifact{
		lab.Artifact(trainTokens, bytes.Repeat([]byte("some text "), 40)),
		lab.Artifact(validationTokens, bytes.Repeat([]byte("other text "), 20)),
	}
	open := func(string, int) (compute.Backend, error) { return guarded{b, before}, nil }
	return lab.Run(in, func(_ context.Context, env *pipeline.Env) error { return t.run(ctx, env, open) })
}

func undisturbed() error { return nil }

// A device that is lost between two steps loses the steps since the last state, and
// nothing that was saved. The trial then ends with the bytes of an undisturbed one.
func TestADeviceLostBetweenSteps(t *testing.T) {
	want, err := tenSteps().train(t.Context(), behaviour.NewLab(nil), undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	lab := behaviour.NewLab(nil)
	after := func(steps int) func() error {
		return func() error {
			if steps--; steps < 0 {
				return errors.New("PJRT error (code=14): the device has fallen off a bus")
			}
			return nil
		}
	}
	lost, err := tenSteps().train(t.Context(), lab, after(8))
	var device *ml.DeviceError
	if !errors.As(err, &device) || !strings.Contains(err.Error(), "fallen off a bus") {
		t.Fatalf("the trial ends with %v", err)
	}
	if len(lost.Outputs) > 0 {
		t.Errorf("the lost trial wrote results: %d", len(lost.Outputs))
	}
	again, err := tenSteps().train(t.Context(), lab, after(10-6)) // from the state after 6 of 10 steps
	if err != nil {
		t.Fatalf("run again: %v", err)
	}
	for _, name := range []string{record.Metrics, record.Checkpoint} {
		if len(want.Outputs[name]) == 0 || !bytes.Equal(again.Outputs[name], want.Outputs[name]) {
			t.Errorf("%s differs from an undisturbed trial's", name)
		}
	}
}

// A trial that is stopped in the step at which it diverges does not save the state after
// that step: the next run diverges at the same step.
func TestStopInADivergingStep(t *testing.T) {
	spec := tenSteps()
	spec.Diverge = 1e-3
	want, err := spec.train(t.Context(), behaviour.NewLab(nil), undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	lab := behaviour.NewLab(nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if _, err := spec.train(ctx, lab, func() error { stop(); return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped trial ends with %v", err)
	}
	again, err := spec.train(t.Context(), lab, undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want.Outputs[record.Metrics]), string(again.Outputs[record.Metrics])); diff != "" {
		t.Errorf("the metrics differ from those of an undisturbed trial (-want +got):\n%s", diff)
	}
}
