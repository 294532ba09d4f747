package action_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

func TestCheckIngredients(t *testing.T) {
	ingredients := cache.Map(map[string]cache.Value{"block": cache.String("train"), "type": cache.String("lm"), "spec": cache.Map(nil)})
	raw, err := json.Marshal(cache.Map(map[string]cache.Value{"ingredients": ingredients, "notes": cache.Map(nil)}))
	if err != nil {
		t.Fatal(err)
	}
	entry := cache.Entry{Key: ingredients.Key("ablate action v1"), Block: "train", Type: "lm"}
	with := func(change func(*cache.Entry)) cache.Entry {
		e := entry
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		entry cache.Entry
		raw   string
		want  string // "" is none
	}{
		"its own":           {entry, string(raw), ""},
		"of a state":        {with(func(e *cache.Entry) { e.Block, e.Key = cache.StateBlock, cache.Key{1} }), "{}", ""},
		"no document":       {entry, "{", "are not a document"},
		"empty":             {entry, "{}", "do not hash to its key"},
		"another key":       {with(func(e *cache.Entry) { e.Key[0]++ }), string(raw), "do not hash to its key"},
		"other ingredients": {entry, strings.Replace(string(raw), "lm", "xx", 1), "do not hash to its key"},
		"another type":      {with(func(e *cache.Entry) { e.Type = "command" }), string(raw), `have the type "lm", but the entry says "command"`},
		"another block":     {with(func(e *cache.Entry) { e.Block = "data" }), string(raw), `have the block "train", but the entry says "data"`},
		"both":              {with(func(e *cache.Entry) { e.Block, e.Type = "data", "text" }), string(raw), `have the block "train", but the entry says "data"`},
	} {
		for range 20 { // the same message each time
			err := action.CheckIngredients(c.entry, []byte(c.raw))
			if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
}

type empty struct{}

func (empty) Validate() diag.List { return nil }

func (empty) Describe(pipeline.Inputs) (pipeline.Recipe, error) { return pipeline.Recipe{}, nil }

func (empty) Run(context.Context, *pipeline.Env) error { return nil }

// TestRequestNamesTheFirstInput rebuilds an action whose inputs are all unknown.
func TestRequestNamesTheFirstInput(t *testing.T) {
	unknown := func(typ string) []action.RequestInput { return []action.RequestInput{{Block: "norm", Type: typ}} }
	r := action.Request{Block: "train", Type: "lm", Spec: json.RawMessage("{}"),
		Inputs: map[string][]action.RequestInput{"c": unknown("third"), "a": unknown("first"), "b": unknown("second")}}
	kinds := []pipeline.Kind{{Block: "train", Type: "lm", New: func() pipeline.Stage { return &empty{} }}}
	for range 20 {
		if _, err := r.Action(kinds, nil, nil); err == nil || !strings.Contains(err.Error(), `"first"`) {
			t.Fatalf("Action = %v, want the first input", err)
		}
	}
}
