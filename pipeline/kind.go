package pipeline

import "ablate/cache"

// KindInfo is a kind with what keys need of its defaults.
type KindInfo struct {
	Kind
	encoder *encoder
}

// NewKind prepares a kind for making keys.
func NewKind(k Kind) *KindInfo { return &KindInfo{Kind: k, encoder: newEncoder(k.New())} }

// Ref is the identity of the kind with a spec.
func (k *KindInfo) Ref(spec Stage) Ref { return NewRef(k.Kind, k.encoder.encode(spec)) }

// Default is the default of a field, by its path.
func (k *KindInfo) Default(path ...string) cache.Value { return k.encoder.defaults.At(path...) }
