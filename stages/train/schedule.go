package train

import (
	"encoding/binary"
	"math"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/stages/internal/ml"
)

// Schedule is the factor of the learning rate: exactly one arm is set.
type Schedule struct {
	Cosine   *Cosine   `hcl:"cosine" doc:"Linear warmup, then half a cosine down to the floor."`
	Constant *Constant `hcl:"constant" doc:"Linear warmup, then 1."`
}

// Cosine is schedule "cosine".
type Cosine struct {
	Warmup int     `hcl:"warmup,optional" doc:"Steps of linear warmup: step t has the factor (t+1)/warmup."`
	Floor  float64 `hcl:"floor,optional" doc:"Factor at the end."`
}

// Constant is schedule "constant".
type Constant struct {
	Warmup int `hcl:"warmup,optional" doc:"Steps of linear warmup: step t has the factor (t+1)/warmup."`
}

func (s *Schedule) warmup() int {
	if s.Cosine != nil {
		return s.Cosine.Warmup
	}
	return s.Constant.Warmup
}

func (s *Schedule) validate(steps int) diag.List {
	var list diag.List
	if w := s.warmup(); w < 0 || w > steps {
		list = append(list, diag.Errorf(diag.Path{"schedule", "warmup"}, "Out of range",
			"warmup must be between 0 and the %d steps of the run, not %d.", steps, w)...)
	}
	if s.Cosine != nil && (s.Cosine.Floor < 0 || s.Cosine.Floor > 1) {
		list = append(list, diag.Errorf(diag.Path{"schedule", "floor"}, "Out of range",
			"floor is a share of the learning rate, between 0 and 1, not %v.", s.Cosine.Floor)...)
	}
	return list
}

// at returns the factor of step t of a run. Products are rounded one by one
// and the result to float32, so that every machine computes the same.
func (s *Schedule) at(t, steps int) float32 {
	w := s.warmup()
	switch {
	case t < w:
		return float32(float64(t+1) / float64(w))
	case s.Constant != nil:
		return 1
	}
	along := float64(t-w) / float64(steps-w)
	half := float64(0.5 * (1 + ml.Cos(float64(math.Pi*along))))
	return float32(s.Cosine.Floor + float64((1-s.Cosine.Floor)*half))
}

// digest is the identity of all factors of a run: what a key holds of them.
func (s *Schedule) digest(steps int) cache.Digest {
	b := make([]byte, 0, 4*steps)
	for t := range steps {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s.at(t, steps)))
	}
	return cache.DigestOf(b)
}
