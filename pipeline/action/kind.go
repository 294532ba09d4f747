// Package action turns an instance into something to compute: the description
// whose hash is its key, the request that another process is sent, and the worker
// that computes and publishes it.
//
// Describe is the only place where the key of an action is made. The receiver
// of a request makes the key again and refuses a request with another one.
package action

import (
	"ablate/cache"
	"ablate/hcl/spec"
	"ablate/pipeline"
)

// Kind is a kind with its name, version and defaults encoded, as keys need them.
type Kind struct {
	pipeline.Kind
	encoder             *encoder
	block, typ, version cache.Value
}

// NewKind prepares a kind for making keys.
func NewKind(k pipeline.Kind) *Kind {
	return &Kind{
		Kind: k, encoder: newEncoder(k.New()),
		block: cache.String(k.Block), typ: cache.String(k.Type), version: cache.Int(int64(k.Version)),
	}
}

// Ref returns the identity of the kind with a spec, if it is one of definitions.
func (k *Kind) Ref(stage pipeline.Stage) pipeline.Ref {
	return pipeline.NewRef(k.Kind, k.encoder.encode(stage))
}

// Witnessed returns the fields of a spec that enter the key only through a
// fingerprint.
func (k *Kind) Witnessed(stage pipeline.Stage) cache.Value { return k.encoder.witnessed(stage) }

// Spec returns all fields of a spec that enter the key, themselves or through a
// fingerprint. It tells specs apart before anything is fingerprinted.
func (k *Kind) Spec(stage pipeline.Stage) cache.Value { return k.encoder.all(stage) }

// IsWitnessed reports whether a field enters the key through a fingerprint alone.
func (k *Kind) IsWitnessed(field string) bool {
	f, ok := spec.Of(k.encoder.pristine.Type()).Field(field)
	return ok && f.Witnessed
}

// Default returns the default of a field, by its path.
func (k *Kind) Default(path ...string) cache.Value { return k.encoder.defaults.At(path...) }
