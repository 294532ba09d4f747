package ml

import (
	"encoding/json"
	"fmt"

	"ablate/cache"
	"ablate/pipeline"
)

// Define is Describe for stages that only describe a part of a computation:
// its fingerprint alone, remembered under the kind and the spec.
func Define(in pipeline.Inputs, part, kind string, spec any, alone func() Program) (pipeline.Recipe, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	what := cache.Map(map[string]cache.Value{
		"part": cache.String(part), "type": cache.String(kind), "spec": cache.String(string(raw)),
	})
	d, err := in.Memo.Digest(what, func() (cache.Digest, error) { return Fingerprint(alone()) })
	if err != nil {
		return pipeline.Recipe{}, fmt.Errorf("fingerprinting %s %s: %w", part, kind, err)
	}
	return pipeline.Recipe{
		Code:    cache.Map(map[string]cache.Value{part: cache.DigestValue(d)}),
		Outputs: pipeline.DefinitionOutputs(),
	}, nil
}
