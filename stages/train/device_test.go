package train

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

// full is a backend whose memory is full from some moment on.
type full struct {
	compute.Backend
	now bool
}

const tooMuch = "PJRT error (code=8): Out of memory while trying to allocate 17179869184 bytes.\nframe 1"

// BufferFromFlatData implements compute.Backend.
func (f *full) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	if f.now {
		return nil, errors.New(tooMuch)
	}
	return f.Backend.BufferFromFlatData(device, flat, shape)
}

// A device that fails while a state is loaded, or the start, takes no state away.
func TestAFullDeviceLosesNoState(t *testing.T) {
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	spec := &LM{Steps: 10, Accumulate: 1, Batch: Batch{2, 8}, Schedule: &Schedule{Constant: &Constant{}}, Backend: "xla:cuda"}
	in := exampleInputs()
	r := spec.recipe(in)
	start := func() [][]float32 { return initialise(r.layout(), ml.NewStream(0, "init", "1")) }
	device := &full{Backend: b}
	m, err := startedMachine(device, r, 1, start())
	if err != nil {
		t.Fatal(err)
	}
	device.now = true
	l := &loop{spec: spec, env: &pipeline.Env{Log: slog.New(slog.DiscardHandler)}, recipe: r, machine: m, init: start, at: -1,
		journal: &journal{saved: map[bool]map[int]*saved{false: {}, true: {}}}}
	err = l.compute(t.Context(), span{0, 10})
	var failed *ml.DeviceError
	if !errors.As(err, &failed) || !failed.OutOfMemory() {
		t.Errorf("from the start: %v, want that memory lacks", err)
	}
	said := spec.explain(in, err).Error()
	for _, want := range []string{"xla:cuda has too little free memory", "needs about 0.0", "nvidia-smi", "allocate 17179869184 bytes"} {
		if !strings.Contains(said, want) {
			t.Errorf("the message says\n%s\nand not %q", said, want)
		}
	}
	if strings.Contains(said, "frame") {
		t.Errorf("the message has the device's trace:\n%s", said)
	}
}

// unable is a backend that opens, and whose programs cannot be compiled.
type unable struct{ compute.Backend }

type unableBuilder struct{ compute.Builder }

// Builder implements compute.Backend.
func (u unable) Builder(name string) compute.Builder { return unableBuilder{u.Backend.Builder(name)} }

// Compile implements compute.Builder.
func (unableBuilder) Compile() (compute.Executable, error) {
	return nil, errors.New("PJRT error (code=12): no PTX compiler\nin frame 1")
}

// A plugin that fails at its first program is the backend's failure, and the process
// keeps no program of it.
func TestProgramsThatCannotBeCompiled(t *testing.T) {
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	spec := &LM{Steps: 10, Accumulate: 1, Batch: Batch{2, 8}, Schedule: &Schedule{Constant: &Constant{}}, Backend: "xla:cuda"}
	in, c := exampleInputs(), &client{backend: unable{b}}
	_, err = newMachine(c, spec.recipe(in), programKeys{step: "a", evaluate: "b"}, 1, slog.New(slog.DiscardHandler))
	if err == nil || len(c.programs) > 0 {
		t.Fatalf("newMachine = %v, with %d programs kept", err, len(c.programs))
	}
	said := spec.explain(in, err).Error()
	if !strings.HasPrefix(said, "xla:cuda failed: ") || !strings.Contains(said, "no PTX compiler. Saved states are kept") || strings.Contains(said, "frame") {
		t.Errorf("the message says\n%s", said)
	}
}

// A client keeps the programs that were used last.
func TestProgramsAreBounded(t *testing.T) {
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	in, c := exampleInputs(), &client{backend: b}
	program := (&LM{Accumulate: 1, Batch: Batch{2, 8}}).recipe(in).evaluate()
	log := slog.New(slog.DiscardHandler)
	first, err := c.compile("first", program, log)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * mostPrograms {
		if _, err := c.compile(fmt.Sprint(i), program, log); err != nil {
			t.Fatal(err)
		}
		if again, err := c.compile("first", program, log); err != nil || again != first {
			t.Fatalf("after %d others, a program in use is compiled again (%v)", i+1, err)
		}
	}
	if len(c.programs) != mostPrograms {
		t.Errorf("%d programs are kept, want %d", len(c.programs), mostPrograms)
	}
}

func TestWhatADeviceSays(t *testing.T) {
	in, spec := exampleInputs(), &LM{Accumulate: 1, Batch: Batch{2, 8}, Backend: "xla:cuda"}
	for said, full := range map[string]bool{
		tooMuch:                         true,
		"RESOURCE_EXHAUSTED: allocator": true,
		"CUDA_ERROR_OUT_OF_MEMORY: out of memory":               true,
		"PJRT error (code=13): CUDA_ERROR_ILLEGAL_ADDRESS: x":   false,
		"PJRT error (code=14): the device has fallen off a bus": false,
	} {
		err := fmt.Errorf("running step: %w", &ml.DeviceError{Err: errors.New(said)})
		got := spec.explain(in, err).Error()
		if strings.Contains(got, "too little free memory") != full || strings.Contains(got, "are kept") == full {
			t.Errorf("of %q it says\n%s", said, got)
		}
	}
	other := errors.New("the disk is full")
	if got := spec.explain(in, other); got != other || spec.explain(in, nil) != nil {
		t.Errorf("what is not the device's fault becomes %v", got)
	}
}
