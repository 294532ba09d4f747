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

// disturbed is a backend in which something happens before each training step.
type disturbed struct {
	compute.Backend
	before func() error
}

type disturbedBuilder struct {
	compute.Builder
	before func() error
}

type disturbedStep struct {
	compute.Executable
	before func() error
}

// Builder implements compute.Backend.
func (d disturbed) Builder(name string) compute.Builder {
	b := d.Backend.Builder(name)
	if name != "step" {
		return b
	}
	return disturbedBuilder{b, d.before}
}

// Compile implements compute.Builder.
func (b disturbedBuilder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	return disturbedStep{e, b.before}, err
}

// Execute implements compute.Executable.
func (s disturbedStep) Execute(in []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	if err := s.before(); err != nil {
		return nil, err
	}
	return s.Executable.Execute(in, donate, device)
}

// trainDisturbed runs a trial in which something happens before each training step.
func trainDisturbed(t *testing.T, lab *behaviour.Lab, spec *LM, before func(stop context.CancelFunc) error) (behaviour.Done, error) {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	in := exampleInputs()
	for _, block := range []string{"model", "norm", "optimizer"} {
		in.Refs[block][0].Ref = behaviour.StandIn(block)
	}
	in.Refs["data"][0].Artifacts = []cache.Artifact{
		lab.Artifact(trainTokens, bytes.Repeat([]byte("some text "), 40)),
		lab.Artifact(validationTokens, bytes.Repeat([]byte("other text "), 20)),
	}
	return lab.Run(in, func(ctx context.Context, env *pipeline.Env) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		open := func(string, int) (compute.Backend, error) {
			return disturbed{b, func() error { return before(stop) }}, nil
		}
		return spec.run(ctx, env, open)
	})
}

// A device that is lost between two steps loses the steps since the last state, and
// nothing that was saved. The trial then ends with the bytes of an undisturbed one.
func TestADeviceLostBetweenSteps(t *testing.T) {
	spec := &LM{Steps: 10, Accumulate: 1, Precision: "fp32", Batch: Batch{2, 8}, Schedule: &Schedule{Constant: &Constant{}}, Backend: "go",
		Evaluate: &Evaluate{Every: 10, Batches: 1}, Probe: &Probe{}, Checkpoint: &Checkpoint{Every: 3, Keep: "final"}}
	train := func(lab *behaviour.Lab, after int) (behaviour.Done, error) { // after is negative for never
		return trainDisturbed(t, lab, spec, func(context.CancelFunc) error {
			if after == 0 {
				return errors.New("PJRT error (code=14): the device has fallen off a bus")
			}
			after--
			return nil
		})
	}
	want, err := train(behaviour.NewLab(nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	lab := behaviour.NewLab(nil)
	lost, err := train(lab, 8)
	var device *ml.DeviceError
	if !errors.As(err, &device) || !strings.Contains(err.Error(), "fallen off a bus") {
		t.Fatalf("the trial ends with %v", err)
	}
	if len(lost.Outputs) > 0 {
		t.Errorf("the lost trial wrote results: %d", len(lost.Outputs))
	}
	again, err := train(lab, 10-6) // from the state after 6 of 10 steps
	if err != nil {
		t.Fatalf("run again: %v", err)
	}
	for _, name := range []string{record.Metrics, record.Checkpoint} {
		if len(want.Outputs[name]) == 0 || !bytes.Equal(again.Outputs[name], want.Outputs[name]) {
			t.Errorf("%s differs from an undisturbed trial's", name)
		}
	}
}

// A trial that is stopped while it computes the step at which it diverges ends, when
// it runs again, as an undisturbed one. No state of the diverged step is saved, since
// it has no rows.
func TestStoppedWhereItDiverges(t *testing.T) {
	spec := &LM{Steps: 4, Accumulate: 1, Precision: "fp32", Batch: Batch{2, 8}, Schedule: &Schedule{Constant: &Constant{}}, Backend: "go",
		Diverge: 0.1, Evaluate: &Evaluate{Every: 1, Batches: 1}, Probe: &Probe{}, Checkpoint: &Checkpoint{Keep: "final"}}
	limitless := *spec
	limitless.Diverge = 0
	undisturbed := func(context.CancelFunc) error { return nil }
	for _, at := range []int{1, 2} { // the step is repeated once, to confirm the divergence
		lab, calls := behaviour.NewLab(nil), 0
		_, err := trainDisturbed(t, lab, spec, func(stop context.CancelFunc) error {
			if calls++; calls == at {
				stop()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped in call %d, the trial ends with %v", at, err)
		}
		for name, spec := range map[string]*LM{"with the limit": spec, "without a limit": &limitless} {
			want, err := trainDisturbed(t, behaviour.NewLab(nil), spec, undisturbed)
			if err != nil {
				t.Fatal(err)
			}
			got, err := trainDisturbed(t, lab, spec, undisturbed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want.Outputs[record.Metrics]), string(got.Outputs[record.Metrics])); diff != "" {
				t.Errorf("stopped in call %d and run again %s, the rows differ (-undisturbed +again):\n%s", at, name, diff)
			}
		}
	}
}
