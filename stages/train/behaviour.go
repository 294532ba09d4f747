package train

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
	"ablate/stages/internal/ml"
	"ablate/stages/internal/program"
	"ablate/stages/model"
	"ablate/stages/record"
)

// Host code decides part of a trial's result: random streams, batches, the clock,
// evaluations, rows. The scenes run whole trials of the stand-ins of standin.go on a
// small text, with a backend that records its inputs and computes nothing.

// The parts of a trial's behaviour, by what they decide.
const (
	stateBehaviour    = "state"    // inputs of the step, and contents of a state
	evaluateBehaviour = "evaluate" // inputs of the evaluation, and its rows
	probeBehaviour    = "probe"    // inputs of the probe, and its rows
	trialBehaviour    = "trial"    // outcomes, and the assembly of artifacts
)

// traits are the parts of a trial's spec that choose between paths of host code.
type traits struct {
	tokenBytes int
	noisy      bool
}

func traitsOf(in pipeline.Inputs) traits {
	return traits{in.One("data").Stage.(Tokens).TokenBytes(), in.One("model").Stage.(model.Model).Traits().Noisy}
}

// subject is a trial's host code.
func (f traits) subject() behaviour.Subject {
	return behaviour.Subject{
		Name:   fmt.Sprintf("train.lm:bytes=%d,noisy=%t", f.tokenBytes, f.noisy),
		Parts:  []string{stateBehaviour, evaluateBehaviour, probeBehaviour, trialBehaviour},
		Scenes: f.scenes(),
	}
}

// behaviour is the fingerprint of the host code in keys.
func (t *LM) behaviour(in pipeline.Inputs) (cache.Value, error) {
	parts := []string{stateBehaviour, evaluateBehaviour, trialBehaviour}
	if t.Probe.Every > 0 {
		parts = append(parts, probeBehaviour)
	}
	return behaviour.Fingerprint(in, traitsOf(in).subject(), parts...)
}

// Behaviours lists the subjects of this package.
func Behaviours() []behaviour.Subject {
	out := []behaviour.Subject{program.MetricsSubject()}
	for _, bytes := range []int{1, 2, 4} {
		for _, noisy := range []bool{false, true} {
			out = append(out, traits{bytes, noisy}.subject())
		}
	}
	return out
}

// act is one rehearsed run of a scene.
type act struct {
	spec       LM
	validation int                    // tokens of the validation text
	loss, norm func(step int) float64 // of steps, as the backend reports them
	evaluated  float64                // the loss of evaluations; 0 for made-up numbers
}

// scene runs acts one after another in one store. Scenes of outcomes enter the
// trial's key alone, since no state depends on how a divergence is recorded.
func (f traits) scene(name string, outcome bool, acts ...act) behaviour.Scene {
	return behaviour.Scene{Name: name, Play: func(w *behaviour.Witness) error {
		lab := behaviour.NewLab(nil)
		for _, a := range acts {
			r := rehearsal{witness: w, traits: f, act: a, outcome: outcome}
			if err := r.run(lab); err != nil {
				return err
			}
		}
		return nil
	}}
}

// rehearsal is one act in progress.
type rehearsal struct {
	witness *behaviour.Witness
	traits  traits
	act     act
	outcome bool
}

func (r *rehearsal) note(part, format string, args ...any) {
	if r.outcome {
		part = trialBehaviour
	}
	r.witness.Note(part, format, args...)
}

// trainingTokens is the length of the training text: 11 windows of 5 tokens, so that
// an epoch ends within the third step of 2 micro-batches of 2 sequences.
const trainingTokens = 11*5 + 1 + 4 + 3

func (r *rehearsal) run(lab *behaviour.Lab) error {
	width := r.traits.tokenBytes
	in := pipeline.Inputs{Study: pipeline.StudyInfo{Seed: 11}, Refs: map[string][]pipeline.Input{
		"data": {{Stage: standInData{width: width}, Artifacts: []cache.Artifact{
			lab.Artifact(trainTokens, canonicalTokens(trainingTokens, width)),
			lab.Artifact(validationTokens, canonicalTokens(r.act.validation, width)),
		}}},
		"model":     {{Stage: standInModel{noisy: r.traits.noisy}, Ref: behaviour.StandIn("model")}},
		"norm":      {{Stage: standInNorm{}, Ref: behaviour.StandIn("norm")}},
		"optimizer": {{Stage: standInOptimizer{}, Ref: behaviour.StandIn("optimizer")}},
	}}
	machine := (&ml.Rehearsal{Answer: r.answer}).Backend()
	open := func(string, int) (compute.Backend, error) { return machine, nil }
	done, err := lab.Run(in, func(ctx context.Context, env *pipeline.Env) error { return r.act.spec.run(ctx, env, open) })
	if err != nil {
		return err
	}
	for _, k := range done.Kept {
		part := stateBehaviour
		if observer, ok := k.What.At("observer", "observer").Text(); ok {
			part = observer
		}
		for _, name := range k.Names {
			r.note(part, "kept %s %x", name, k.Pieces[name])
		}
	}
	for _, name := range []string{record.Metrics, record.Probes, record.Checkpoint} {
		r.note(trialBehaviour, "%s %x", name, done.Outputs[name])
	}
	return nil
}
