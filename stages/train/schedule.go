package train

import (
	"encoding/binary"
	"math"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/stages/answer/numeral"
	"ablate/stages/internal/ml"
)

// Schedule is the factor of the learning rate. Exactly one field is set.
type Schedule struct {
	Cosine   *Cosine   `hcl:"cosine" doc:"Linear warmup, then half a cosine down to the floor."`
	Linear   *Linear   `hcl:"linear" doc:"Linear warmup, then a line down to the floor."`
	Constant *Constant `hcl:"constant" doc:"Linear warmup, then 1."`
	Formula  *Curve    `hcl:"formula" doc:"A formula of the step."`
	WSD      *WSD      `hcl:"wsd" doc:"Linear warmup, then 1, then a line down to the floor over the last steps. Runs of different length share all but their decay."`
}

// Cosine is schedule "cosine".
type Cosine struct {
	Warmup int     `hcl:"warmup,optional" doc:"Steps of linear warmup: step t has the factor (t+1)/warmup."`
	Floor  float64 `hcl:"floor,optional" doc:"Factor at the end."`
}

// Linear is schedule "linear".
type Linear struct {
	Warmup int     `hcl:"warmup,optional" doc:"Steps of linear warmup: step t has the factor (t+1)/warmup."`
	Floor  float64 `hcl:"floor,optional" doc:"Factor at the end."`
}

// Constant is schedule "constant".
type Constant struct {
	Warmup int `hcl:"warmup,optional" doc:"Steps of linear warmup: step t has the factor (t+1)/warmup."`
}

// WSD is schedule "wsd": warmup, stable, decay.
type WSD struct {
	Warmup int     `hcl:"warmup,optional" doc:"Steps of linear warmup: step t has the factor (t+1)/warmup."`
	Decay  int     `hcl:"decay" doc:"Steps of the decay at the end."`
	Floor  float64 `hcl:"floor,optional" doc:"Factor at the end."`
}

// shape describes any schedule in numbers: a warmup, a constant part, and a decay to
// the floor over the last steps.
type shape struct {
	warmup, decay int
	floor         float64
	cosine        bool
	formula       string
}

func (s *Schedule) shape(steps int) shape {
	switch {
	case s.Cosine != nil:
		return shape{warmup: s.Cosine.Warmup, decay: steps - s.Cosine.Warmup, floor: s.Cosine.Floor, cosine: true}
	case s.Linear != nil:
		return shape{warmup: s.Linear.Warmup, decay: steps - s.Linear.Warmup, floor: s.Linear.Floor}
	case s.WSD != nil:
		return shape{warmup: s.WSD.Warmup, decay: s.WSD.Decay, floor: s.WSD.Floor}
	case s.Formula != nil:
		return shape{floor: 1, formula: s.Formula.Multiplier.String()}
	}
	return shape{warmup: s.Constant.Warmup, floor: 1}
}

func (s *Schedule) validate(steps int) diag.List {
	if s.Formula != nil {
		return s.Formula.validate(steps)
	}
	var list diag.List
	wrong := func(name, detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{"schedule", name}, "Out of range", detail, args...)...)
	}
	f := s.shape(steps)
	if f.warmup < 0 || f.warmup > steps {
		wrong("warmup", "warmup must be between 0 and the %s of the run, not %d.", numeral.Things(steps, "step"), f.warmup)
	} else if s.WSD != nil && f.warmup == steps {
		wrong("warmup", "warmup takes all %s of the run, and the decay needs at least one.", numeral.Things(steps, "step"))
	} else if s.WSD != nil && (f.decay < 1 || f.decay > steps-f.warmup) {
		wrong("decay", "decay must be between 1 and %d, the number of steps after the warmup, not %d.", steps-f.warmup, f.decay)
	}
	if f.floor < 0 || f.floor > 1 {
		wrong("floor", "floor is a share of the learning rate, between 0 and 1, not %v.", f.floor)
	}
	return list
}

// forkStep is the last step before the decay. Runs of other lengths, or with another
// decay, resume from the state there. It is 0 for schedules without such a step.
func (t *LM) forkStep() int {
	if t.Schedule.WSD == nil {
		return 0
	}
	return t.Steps - t.Schedule.WSD.Decay
}

// at returns the factor of step t of a run. Each product is rounded by itself, and
// the result to float32, so that every machine computes the same factor.
func (s *Schedule) at(t, steps int) float32 {
	if s.Formula != nil {
		return float32(s.Formula.at(t, steps))
	}
	f := s.shape(steps)
	switch {
	case t < f.warmup:
		return float32(float64(t+1) / float64(f.warmup))
	case t < steps-f.decay:
		return 1
	}
	along := float64(t-(steps-f.decay)) / float64(f.decay)
	left := 1 - along
	if f.cosine {
		left = float64(0.5 * (1 + ml.Cos(float64(math.Pi*along))))
	}
	return float32(f.floor + float64((1-f.floor)*left))
}

// digest covers all factors of a run. It enters keys.
func (s *Schedule) digest(steps int) cache.Digest {
	b := make([]byte, 0, 4*steps)
	for t := range steps {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s.at(t, steps)))
	}
	return cache.DigestOf(b)
}

// identity is the memo key of the schedule's factors.
func (s *Schedule) identity(steps int) cache.Value {
	f := s.shape(steps)
	if s.Formula != nil {
		return cache.List(cache.String(f.formula), cache.Int(int64(steps)))
	}
	return cache.Map(map[string]cache.Value{
		"warmup": cache.Int(int64(f.warmup)), "decay": cache.Int(int64(f.decay)), "floor": cache.Float(f.floor),
		"cosine": cache.Bool(f.cosine), "steps": cache.Int(int64(steps)),
	})
}
