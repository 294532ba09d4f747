package planner

import (
	"context"
	"encoding/json"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// Saved is what cached trials spare a run, as their provenance has it.
type Savings struct {
	Trials    int     `json:"trials"` // results, each key counted once
	Seconds   float64 `json:"seconds"`
	Estimated bool    `json:"estimated,omitempty"` // from a part of them
}

// asked is how many provenances are read before the rest is estimated: a plan
// of ten thousand cached trials must not open ten thousand files.
const asked = 200

// Saved sums up what the plan's cached trials took to compute.
func (p *Plan) Savings(ctx context.Context, store cache.Store) Savings {
	var entries []cache.Entry
	seen := make(map[cache.Key]bool)
	for _, s := range p.Tasks {
		if s.Status == Hit && s.Role == pipeline.Trial && !seen[s.Key] {
			seen[s.Key] = true
			entries = append(entries, s.Entry)
		}
	}
	out := Savings{Trials: len(entries), Estimated: len(entries) > asked}
	stride := max(1, len(entries)/asked)
	known := 0
	for i := 0; i < len(entries); i += stride {
		if took, ok := Took(ctx, store, entries[i]); ok {
			known++
			out.Seconds += took
		}
	}
	if out.Estimated && known > 0 {
		out.Seconds *= float64(len(entries)) / float64(known)
	}
	return out
}

// Took is how many seconds an entry took to compute; ok is false where its
// provenance is not here.
func Took(ctx context.Context, store cache.Store, e cache.Entry) (seconds float64, ok bool) {
	raw, err := cache.ReadAll(ctx, store, e.Provenance)
	var p action.Provenance
	if err != nil || json.Unmarshal(raw, &p) != nil {
		return 0, false
	}
	return p.Seconds, true
}
