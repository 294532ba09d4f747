package planner

import (
	"context"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// Savings is the time that cached trials save a run, according to their
// provenance.
type Savings struct {
	Trials    int     `json:"trials"` // results, each key counted once
	Seconds   float64 `json:"seconds"`
	Estimated bool    `json:"estimated,omitempty"` // extrapolated from a sample
}

// maxProvenances is how many provenances are read before the rest is estimated: a
// plan of ten thousand cached trials must not open ten thousand files.
const maxProvenances = 200

// Savings sums up how long the plan's cached trials took to compute.
func (p *Plan) Savings(ctx context.Context, store cache.Store) Savings {
	var entries []*cache.Entry
	for _, t := range p.Tasks {
		if t.Status == Hit && t.Role == pipeline.Trial && !t.repeats {
			entries = append(entries, t.entry)
		}
	}
	stride := max(1, (len(entries)+maxProvenances-1)/maxProvenances)
	out := Savings{Trials: len(entries), Estimated: stride > 1}
	known := 0
	for i := 0; i < len(entries); i += stride {
		if seconds, ok := ComputeSeconds(ctx, store, *entries[i]); ok {
			known++
			out.Seconds += seconds
		}
	}
	if out.Estimated && known > 0 {
		out.Seconds *= float64(len(entries)) / float64(known)
	}
	return out
}

// ComputeSeconds returns how long an entry took to compute; ok is false where the
// store lacks its provenance.
func ComputeSeconds(ctx context.Context, store cache.Store, e cache.Entry) (seconds float64, ok bool) {
	p, err := action.ProvenanceOf(ctx, store, e)
	return p.Seconds, err == nil
}
