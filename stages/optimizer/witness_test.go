package optimizer

import (
	"reflect"
	"testing"

	"ablate/cache"
	"ablate/stages/internal/ml"
)

// turned is another valid value of a field, or false for a field without one.
func turned(f reflect.Value) bool {
	switch f.Kind() {
	case reflect.Float64:
		f.SetFloat(0.5*f.Float() + 0.03)
	case reflect.Int:
		f.SetInt(f.Int() + 1)
	case reflect.Bool:
		f.SetBool(!f.Bool())
	default:
		return false
	}
	return true
}

// Each number and switch of a rule is part of its computation, and so of the keys
// of trials.
func TestFieldsAreWitnessed(t *testing.T) {
	fingerprint := func(o Optimizer) cache.Digest {
		d, err := ml.Fingerprint(alone(o))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, k := range Kinds() {
		before := fingerprint(k.New().(Optimizer))
		for i := range reflect.TypeOf(k.New()).Elem().NumField() {
			o := k.New().(Optimizer)
			name := reflect.TypeOf(o).Elem().Field(i).Name
			if turned(reflect.ValueOf(o).Elem().Field(i)) && fingerprint(o) == before {
				t.Errorf("%s: another %s has the same fingerprint", k.Type, name)
			}
		}
	}
}
