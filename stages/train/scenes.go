package train

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/shapes"

	"ablate/stages/internal/behaviour"
	"ablate/stages/internal/ml"
)

// scenes are trials at the edge cases of the host code: an epoch that ends within a
// step, a trial that resumes, a validation text that is too short, a loss at the limit
// and above it, and every kind of divergence.
func (f traits) scenes() []behaviour.Scene {
	base := LM{
		Seed: 3, Steps: 7, Accumulate: 2, Precision: "fp32", Backend: "rehearsal", Batch: Batch{Sequences: 2, Length: 5},
		Schedule: &Schedule{Cosine: &Cosine{Warmup: 2, Floor: 0.1}}, Evaluate: &Evaluate{Every: 2, Batches: 3},
		Probe: &Probe{Every: 3}, Checkpoint: &Checkpoint{Every: 2, Keep: "all"},
	}
	trunk, limited := base, base
	trunk.Schedule, limited.Diverge = &Schedule{Constant: &Constant{Warmup: 2}}, 2.5
	longer := trunk
	longer.Steps, longer.Evaluate, longer.Probe = 10, &Evaluate{Every: 3, Batches: 3}, &Probe{Every: 2}
	falling := func(step int) float64 { return 2 + float64(step%5)/16 }
	rising := func(step int) float64 { return 2.25 + float64(step)/16 } // 2.5 at step 4 is not above 2.5
	from := func(at int, v float64) func(int) float64 {
		return func(step int) float64 {
			if step >= at {
				return v
			}
			return 2
		}
	}
	return []behaviour.Scene{
		f.scene("plain", false, act{base, 60, falling, falling, 0}),
		f.scene("extended", false, act{trunk, 21, falling, falling, 0}, act{longer, 21, falling, falling, 0}),
		f.scene("limit", true, act{limited, 60, rising, falling, 0}),
		f.scene("limit-set-later", true, act{base, 60, rising, falling, 0}, act{limited, 60, rising, falling, 0}),
		f.scene("not-a-number", true, act{base, 60, from(3, math.NaN()), falling, 0}),
		f.scene("infinite-loss", true, act{base, 60, from(1, math.Inf(1)), falling, 0}),
		f.scene("infinite-gradient", true, act{base, 60, falling, from(2, math.Inf(1)), 0}),
		f.scene("gradient-not-a-number", true, act{base, 60, falling, from(2, math.NaN()), 0}),
		f.scene("evaluation-above-limit", true, act{limited, 60, falling, falling, 2.75}),
		f.scene("evaluation-at-limit", true, act{limited, 60, falling, falling, 2.5}),
		{Name: "sweep", Play: f.sweep},
	}
}

// sweep calls the functions of a step around every length at which they change their
// path, and at steps that no scene reaches.
func (f traits) sweep(w *behaviour.Witness) error {
	stream := ml.NewStream(11, "sweep")
	for _, length := range []int{1, 2, 3, 5} {
		dst := make([]int32, 2*(length+1))
		for n := 2 * (length + 1); n < 5*length+4; n++ {
			c := corpus{canonicalTokens(n, f.tokenBytes), f.tokenBytes}
			for _, step := range []int{0, 1, 2, 5, 1 << 20, mostSteps - 1} {
				trainBatch(dst, c, stream, length, step)
				w.Note(stateBehaviour, "batch of %d from %d at %d: %v", length, n, step, dst)
			}
			for _, batches := range []int{1, 2, 99} {
				w.Note(evaluateBehaviour, "%d evaluations of %d from %d: %v", batches, length, n, evaluationBatches(c, stream, Batch{2, length}, batches))
			}
		}
	}
	l := &loop{dropout: stream, recipe: &recipe{model: standInModel{noisy: f.noisy}, accumulate: 3}}
	for _, step := range []int{0, 1, 1 << 15, mostSteps - 1} {
		w.Note(stateBehaviour, "noise at %d: %v", step, l.noise(step))
	}
	for _, n := range []int{1, 2, 3, 1000} {
		w.Note(stateBehaviour, "%d normals: %x", n, hashOf(stream.Normals(n, 0.02)))
	}
	for _, n := range []uint64{2, 3, 4, 5, 16, 17, 1 << 20, 1<<40 + 1} {
		w.Note(stateBehaviour, "the permutation of %d: %d %d %d", n, stream.Permuted(0, n), stream.Permuted(1, n), stream.Permuted(n-1, n))
	}
	return nil
}

func hashOf(values any) []byte {
	h := sha256.New()
	if err := binary.Write(h, binary.LittleEndian, values); err != nil {
		panic(err) // a hash takes all bytes
	}
	return h.Sum(nil)
}

// answer records an execution and makes up its outputs from the program, the step
// and, for evaluations and probes, their inputs, so that a repeated step gives the
// same outputs. Inputs that are outputs of an earlier execution are recorded by name,
// since their numbers are made up.
func (r *rehearsal) answer(program string, in []ml.RehearsalInput, out []shapes.Shape) []ml.RehearsalOutput {
	part := map[string]string{"step": stateBehaviour, "evaluate": evaluateBehaviour, "probe": probeBehaviour}[program]
	shown, step := sha256.New(), -1
	for _, x := range in {
		content := x.Output
		switch v := x.Flat.(type) {
		case nil:
		case []float32:
			content = fmt.Sprintf("%x", hashOf(v))
		default:
			content = fmt.Sprint(v)
		}
		if x.Name == "step" {
			step = int(x.Flat.([]int32)[0])
		}
		fmt.Fprintln(shown, x.Name, content)
		// Loaded weights belong to the behaviour of states, not of observers.
		if _, weights := x.Flat.([]float32); weights && program != "step" {
			content = "loaded"
		}
		r.note(part, "%s %s %s %s", program, x.Name, x.Shape, content)
	}
	seed := shown.Sum(nil)
	if program == "step" {
		seed = binary.LittleEndian.AppendUint64(nil, uint64(step))
	}
	answers := make([]ml.RehearsalOutput, len(out))
	for i, s := range out {
		answers[i] = ml.RehearsalOutput{Name: fmt.Sprintf("output %d of %s %d", i, program, step), Values: madeUp(program, i, seed, s.Size())}
	}
	switch {
	case program == "step":
		last := len(out) - 2
		answers[last].Values[0], answers[last+1].Values[0] = float32(r.act.loss(step)), float32(r.act.norm(step))
	case program == "evaluate" && r.act.evaluated > 0:
		answers[0].Values[0] = float32(r.act.evaluated)
	case program == "probe": // a NaN reading has no row
		copy(answers[0].Values[1:], []float32{float32(math.NaN()), float32(math.Inf(1))})
	}
	return answers
}

// madeUp draws multiples of 2⁻²⁰ between 0 and 1.
func madeUp(program string, output int, seed []byte, n int) []float32 {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d %x", program, output, seed))
	r := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.Uint32N(1<<20)) / (1 << 20)
	}
	return values
}

// canonicalTokens are n tokens that use every byte of their width.
func canonicalTokens(n, width int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(width)))
	out := make([]byte, 0, n*width)
	for range n {
		out = append(out, binary.LittleEndian.AppendUint32(nil, r.Uint32()&math.MaxInt32)[:width]...)
	}
	return out
}
