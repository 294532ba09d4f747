package ml

import "testing"

// FingerprintOver is Fingerprint over any backend, for tests.
var FingerprintOver = fingerprint

func TestWhatCannotBeHashedIsAnError(t *testing.T) {
	op := begin("x")
	op.attribute(struct{ f func() }{})
	if _, err := op.one(nil, nil); err == nil {
		t.Error("an attribute that cannot be hashed passes")
	}
}
