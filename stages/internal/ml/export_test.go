package ml

import "testing"

func TestWhatCannotBeHashedIsAnError(t *testing.T) {
	op := begin("x")
	op.attribute(struct{ f func() }{})
	if _, err := op.one(nil, nil); err == nil {
		t.Error("an attribute that cannot be hashed passes")
	}
}
