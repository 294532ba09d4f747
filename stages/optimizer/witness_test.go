package optimizer

import (
	"reflect"
	"testing"

	"ablate/cache"
	"ablate/hcl/formula"
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

// descent is value - learning_rate * gradient.
func descent(t *testing.T) formula.Formula {
	t.Helper()
	var b formula.Builder
	rate, _ := b.Call("mul", []*formula.Part{b.Name("learning_rate", nil), b.Name("gradient", nil)}, nil)
	value, mistake := b.Call("sub", []*formula.Part{b.Name("value", nil), rate}, nil)
	if mistake != nil {
		t.Fatal(mistake)
	}
	f, _ := value.Formula()
	return f
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
		fresh := func() Optimizer {
			o := k.New().(Optimizer)
			if f, ok := o.(*Formula); ok {
				f.Rules = []Rule{{On: "matrix", Value: descent(t)}}
			}
			return o
		}
		before := fingerprint(fresh())
		for i := range reflect.TypeOf(k.New()).Elem().NumField() {
			o := fresh()
			name := reflect.TypeOf(o).Elem().Field(i).Name
			if turned(reflect.ValueOf(o).Elem().Field(i)) && fingerprint(o) == before {
				t.Errorf("%s: another %s has the same fingerprint", k.Type, name)
			}
		}
	}
}
