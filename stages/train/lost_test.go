package train

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/behaviour"
	"ablate/stages/internal/ml"
	"ablate/stages/record"
)

// losing is a backend whose device is lost after some training steps.
type losing struct {
	compute.Backend
	after *int // steps; negative for never
}

type losingBuilder struct {
	compute.Builder
	after *int
}

type losingStep struct {
	compute.Executable
	after *int
}

// Builder implements compute.Backend.
func (l losing) Builder(name string) compute.Builder {
	b := l.Backend.Builder(name)
	if name != "step" {
		return b
	}
	return losingBuilder{b, l.after}
}

// Compile implements compute.Builder.
func (b losingBuilder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	return losingStep{e, b.after}, err
}

// Execute implements compute.Executable.
func (s losingStep) Execute(in []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	if *s.after == 0 {
		return nil, errors.New("PJRT error (code=14): the device has fallen off a bus")
	}
	*s.after--
	return s.Executable.Execute(in, donate, device)
}

// A device that is lost between two steps loses the steps since the last state, and
// nothing that was saved. The trial then ends with the bytes of an undisturbed one.
func TestADeviceLostBetweenSteps(t *testing.T) {
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	spec := &LM{Steps: 10, Accumulate: 1, Precision: "fp32", Batch: Batch{2, 8}, Schedule: &Schedule{Constant: &Constant{}}, Backend: "go",
		Evaluate: &Evaluate{Every: 10, Batches: 1}, Probe: &Probe{}, Checkpoint: &Checkpoint{Every: 3, Keep: "final"}}
	train := func(lab *behaviour.Lab, after int) (behaviour.Done, error) {
		in := exampleInputs()
		for _, block := range []string{"model", "norm", "optimizer"} {
			in.Refs[block][0].Ref = behaviour.StandIn(block)
		}
		in.Refs["data"][0].Artifacts = []cache.Artifact{
			lab.Artifact(trainTokens, bytes.Repeat([]byte("some text "), 40)),
			lab.Artifact(validationTokens, bytes.Repeat([]byte("other text "), 20)),
		}
		open := func(string, int) (compute.Backend, error) { return losing{b, &after}, nil }
		return lab.Run(in, func(ctx context.Context, env *pipeline.Env) error { return spec.run(ctx, env, open) })
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
