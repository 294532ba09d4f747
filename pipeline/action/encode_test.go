package action

import (
	"context"
	"maps"
	"slices"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// everything is a spec with a field of each form.
type everything struct {
	Flag     bool                  `hcl:"flag,optional"`
	Count    int                   `hcl:"count,optional"`
	Rate     float64               `hcl:"rate,optional"`
	Word     string                `hcl:"word,optional"`
	List     []string              `hcl:"list,optional"`
	Numbers  map[string]float64    `hcl:"numbers,optional"`
	Maybe    *float64              `hcl:"maybe,optional"`
	OnByDef  *float64              `hcl:"on,optional"`
	Object   object                `hcl:"object,optional"`
	Block    *object               `hcl:"block,block"`
	Repeated []object              `hcl:"repeated,block"`
	Union    *arms                 `hcl:"union,union"`
	Level    addr.Level            `hcl:"level,optional"`
	Levels   map[string]addr.Level `hcl:"levels,optional"`
	Ref      addr.Instance         `hcl:"ref"`
	Free     int                   `hcl:"free,optional" key:"-"`
}

type object struct {
	A float64 `hcl:"a,optional"`
	B int     `hcl:"b,optional"`
}

func (o *object) Setdefaults() { o.B = 7 }

type arms struct {
	Left  *object `hcl:"left"`
	Right *object `hcl:"right"`
}

func (*everything) Validate() diag.List { return nil }

func (*everything) Describe(pipeline.Inputs) (pipeline.Recipe, error) { return pipeline.Recipe{}, nil }

func (*everything) Run(context.Context, *pipeline.Env) error { return nil }

func pristine() *everything {
	one := 1.0
	return &everything{Count: 3, Rate: 0.5, Word: "w", OnByDef: &one, Object: object{A: 1, B: 2}, Level: addr.Level{Kind: "string", Text: "final"}}
}

// changed returns the pristine spec with one change.
func changed(change func(*everything)) *everything {
	s := pristine()
	change(s)
	return s
}

func TestSpecsThatDifferEncodeDifferently(t *testing.T) {
	two := 2.0
	zero := 0.0
	specs := map[string]*everything{
		"pristine":              pristine(),
		"flag":                  changed(func(s *everything) { s.Flag = true }),
		"count":                 changed(func(s *everything) { s.Count = 4 }),
		"count zero":            changed(func(s *everything) { s.Count = 0 }),
		"rate":                  changed(func(s *everything) { s.Rate = 0.25 }),
		"word":                  changed(func(s *everything) { s.Word = "" }),
		"list of one":           changed(func(s *everything) { s.List = []string{"x"} }),
		"list of two":           changed(func(s *everything) { s.List = []string{"x", ""} }),
		"list of the other":     changed(func(s *everything) { s.List = []string{"", "x"} }),
		"map":                   changed(func(s *everything) { s.Numbers = map[string]float64{"x": 0} }),
		"pointer to zero":       changed(func(s *everything) { s.Maybe = &zero }),
		"pointer to two":        changed(func(s *everything) { s.Maybe = &two }),
		"default switched off":  changed(func(s *everything) { s.OnByDef = nil }),
		"default changed":       changed(func(s *everything) { s.OnByDef = &two }),
		"object":                changed(func(s *everything) { s.Object.A = 2 }),
		"empty block":           changed(func(s *everything) { s.Block = &object{B: 7} }),
		"block":                 changed(func(s *everything) { s.Block = &object{B: 8} }),
		"one repeated":          changed(func(s *everything) { s.Repeated = []object{{B: 7}} }),
		"two repeated":          changed(func(s *everything) { s.Repeated = []object{{B: 7}, {B: 7}} }),
		"left arm":              changed(func(s *everything) { s.Union = &arms{Left: &object{B: 7}} }),
		"right arm":             changed(func(s *everything) { s.Union = &arms{Right: &object{B: 7}} }),
		"level":                 changed(func(s *everything) { s.Level = addr.Level{Kind: "number", Text: "3"} }),
		"level of another kind": changed(func(s *everything) { s.Level = addr.Level{Kind: "string", Text: "3"} }),
		"levels":                changed(func(s *everything) { s.Levels = map[string]addr.Level{"a": {Kind: "number", Text: "3"}} }),
	}
	enc := newEncoder(pristine())
	seen := make(map[cache.Key]string)
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		k := enc.encode(specs[name]).Key("test")
		if other, twice := seen[k]; twice {
			t.Errorf("%q and %q encode alike", name, other)
		}
		seen[k] = name
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	enc := newEncoder(pristine())
	base := enc.encode(pristine())
	for name, s := range map[string]*everything{
		"a field outside of keys": changed(func(s *everything) { s.Free = 9 }),
		"a reference":             changed(func(s *everything) { s.Ref = addr.Instance{Stage: addr.Stage{Block: "a", Type: "b", Name: "c"}} }),
	} {
		if !enc.encode(s).Equal(base) {
			t.Errorf("%s changes the encoding", name)
		}
	}
	for _, field := range []string{"flag", "count", "rate", "word", "maybe", "level"} {
		if !base.At(field).IsZero() {
			t.Errorf("the default of %s is encoded: a new option would fork old results", field)
		}
	}
	if base.At("list").IsZero() {
		t.Error("the length of a list is left out")
	}
	if enc.defaults.At("rate").IsZero() {
		t.Error("the defaults are not known for explanations")
	}
}
