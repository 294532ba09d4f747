package cli

import (
	"context"
	"fmt"

	"ablate/cache"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/record"
)

// artifactOf names the artifact that holds each rendering of an analysis.
var artifactOf = map[string]string{"text": "table", "markdown": "markdown", "csv": "csv", "json": "result"}

// readArtifact reads an artifact of a cached task, if it has one of that name.
func readArtifact(ctx context.Context, store cache.Store, t *planner.Task, name string) (raw []byte, ok bool, err error) {
	a, ok := t.Entry().Artifact(name)
	if ok {
		raw, err = cache.ReadAll(ctx, store, a.Digest)
	}
	if err != nil {
		err = fmt.Errorf("reading the %s of %s: %w", name, t.Address, err)
	}
	return raw, ok, err
}

// readResult reads the result document of an analysis.
func readResult(ctx context.Context, store cache.Store, t *planner.Task) (r answer.Result, err error) {
	if err := t.Cached(); err != nil {
		return r, err
	}
	a, ok := t.Entry().Artifact(artifactOf["json"])
	if !ok {
		return r, fmt.Errorf("%s has no numbers", t.Address)
	}
	raw, err := cache.ReadAll(ctx, store, a.Digest)
	if err == nil {
		r, err = answer.Parse(raw, a.Digest)
	}
	if err != nil {
		return r, fmt.Errorf("reading the result of %s: %w", t.Address, err)
	}
	return r, nil
}

// readMetrics reads the rows that a trial logged; nil where it logs none.
func readMetrics(ctx context.Context, store cache.Store, t *planner.Task) ([]record.Row, error) {
	a, ok := t.Entry().Artifact(record.Metrics)
	if !ok {
		return nil, nil
	}
	r, err := store.Open(ctx, a.Digest)
	if err == nil {
		defer r.Close()
		var rows []record.Row
		if rows, err = record.ReadAll(r); err == nil {
			return rows, nil
		}
	}
	return nil, fmt.Errorf("reading the metrics of %s: %w", t.Address, err)
}

// readProvenance reads where, when and by whom a cached result was computed.
func readProvenance(ctx context.Context, store cache.Store, t *planner.Task) (p action.Provenance, err error) {
	if p, err = action.ProvenanceOf(ctx, store, t.Entry()); err != nil {
		return p, fmt.Errorf("reading the provenance of %s: %w", t.Address, err)
	}
	return p, nil
}

// readCurves reads the responses of finished runs at all steps, by the number of the run.
// There are none unless the stage keeps them.
func readCurves(ctx context.Context, store cache.Store, t *planner.Task) (map[int][]record.Row, error) {
	a, ok := t.Entry().Artifact(record.Curves)
	if !ok {
		return nil, nil
	}
	f, err := store.Open(ctx, a.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading the curves of %s: %w", t.Address, err)
	}
	defer f.Close()
	out := make(map[int][]record.Row)
	for c, err := range record.ReadCurves(f) {
		if err != nil {
			return nil, fmt.Errorf("reading the curves of %s: %w", t.Address, err)
		}
		out[c.Run] = append(out[c.Run], c.Rows()...)
	}
	return out, nil
}
