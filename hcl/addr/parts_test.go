package addr_test

import (
	"encoding/json"
	"maps"
	"testing"

	"ablate/hcl/addr"
)

func instance(t *testing.T, text string) addr.Instance {
	t.Helper()
	a, err := addr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A level of parts has them all in its text, whatever their keys are, and in addresses
// a short form without blocks.
func TestPartsLevel(t *testing.T) {
	for _, c := range []struct {
		parts map[string]string
		short string
	}{
		{map[string]string{"final": "norm.none.c", "attention": "norm.derf.a"}, "attention:derf.a+final:none.c"},
		{map[string]string{"ffn": `norm.derf.a["0.1"]`}, "ffn:derf.a:0.1"},
		{map[string]string{"ffn": `norm.derf.a["x+final:none.c"]`}, `"ffn:\"derf.a:x+final:none.c\""`},
		{map[string]string{"ffn": `norm.derf.a["a,\"b"]`, "final": `norm.derf.a["a=b"]`}, `"ffn:\"derf.a:a,\\\"b\"+final:derf.a:a=b"`},
	} {
		p := addr.Parts{Each: make(map[string]addr.Instance)}
		for name, text := range c.parts {
			p.Each[name] = instance(t, text)
		}
		level := p.Level()
		if got, ok := level.Parts(); !ok || !maps.Equal(got.Each, p.Each) {
			t.Errorf("%s.Parts() = %v, %v, want %v", level.Text, got, ok, p)
		}
		if got := level.String(); got != c.short {
			t.Errorf("%v.String() = %s, want %s", p, got, c.short)
		}
		names, levels, ok := addr.ParseKey(addr.Key([]*addr.Factor{{Name: "norm", Level: level}, {Name: "seed", Level: number("1")}}))
		if !ok || len(names) != 2 || levels[0] != level.String() {
			t.Errorf("a key with %s is parsed as %v, %v", level, names, levels)
		}
	}
	for _, text := range []string{"", "attention", "attention:", `ffn:"x`, "ffn:derf"} {
		if p, ok := (addr.Level{Kind: "parts", Text: text}).Parts(); ok {
			t.Errorf("%q is read as %v", text, p)
		}
	}
}

func TestPartsJSON(t *testing.T) {
	a := instance(t, "norm.derf.a")
	for _, p := range []addr.Parts{{}, {Whole: a}, {Each: map[string]addr.Instance{"ffn": a, "final": a}}} {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got addr.Parts
		if err := json.Unmarshal(raw, &got); err != nil || got.Whole != p.Whole || !maps.Equal(got.Each, p.Each) {
			t.Errorf("%v as JSON is %s, and that %v, %v", p, raw, got, err)
		}
	}
}
