// Package action is one instance as something to compute: its kind, spec and inputs,
// the description whose hash is its key, and how it is computed and published.
package action

import (
	"ablate/cache"
	"ablate/pipeline"
)

// KindInfo is a kind with what keys need of its defaults.
type Kind struct {
	pipeline.Kind
	encoder *encoder
}

// NewKind prepares a kind for making keys.
func NewKind(k pipeline.Kind) *Kind { return &Kind{Kind: k, encoder: newEncoder(k.New())} }

// Ref is the identity of the kind with a spec.
func (k *Kind) Ref(spec pipeline.Stage) pipeline.Ref {
	return pipeline.NewRef(k.Kind, k.encoder.encode(spec))
}

// Witnessed is what a spec holds in fields that enter the key through a
// fingerprint alone.
func (k *Kind) Witnessed(spec pipeline.Stage) cache.Value { return k.encoder.witnessed(spec) }

// Default is the default of a field, by its path.
func (k *Kind) Default(path ...string) cache.Value { return k.encoder.defaults.At(path...) }
