package norm

import (
	"testing"

	"ablate/cache"
	"ablate/stages/internal/ml"
)

// Numbers of a norm are part of its computation, and so of the keys of trials.
func TestFieldsAreWitnessed(t *testing.T) {
	seen := make(map[cache.Digest]Norm)
	for _, n := range []Norm{
		&PRMSNorm{Share: 0.5, Eps: 1e-5}, &PRMSNorm{Share: 0.25, Eps: 1e-5}, &PRMSNorm{Share: 0.5, Eps: 1e-6},
		&BHyT{Kappa: 10, Eps: 1e-6}, &BHyT{Kappa: 9, Eps: 1e-6}, &BHyT{Kappa: 10, Eps: 1e-5},
		&TaperNorm{Warmup: 4, Taper: 2, Decay: 0.9, Eps: 1e-5}, &TaperNorm{Warmup: 5, Taper: 2, Decay: 0.9, Eps: 1e-5},
		&TaperNorm{Warmup: 4, Taper: 3, Decay: 0.9, Eps: 1e-5}, &TaperNorm{Warmup: 4, Taper: 2, Decay: 0.8, Eps: 1e-5},
		&TaperNorm{Warmup: 4, Taper: 2, Decay: 0.9, Eps: 1e-6},
	} {
		d, err := ml.Fingerprint(alone(n))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[d]; ok {
			t.Errorf("%+v and %+v have the same fingerprint", n, other)
		}
		seen[d] = n
	}
}

// All elements are RMSNorm.
func TestWholePRMSNorm(t *testing.T) {
	whole, err := ml.Fingerprint(alone(&PRMSNorm{Share: 1, Eps: 1e-5}))
	if err != nil {
		t.Fatal(err)
	}
	if rms, err := ml.Fingerprint(alone(&RMSNorm{Eps: 1e-5})); err != nil || rms != whole {
		t.Errorf("fingerprint %s, RMSNorm's is %s, %v", whole, rms, err)
	}
}
