package cache_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"ablate/cache"
)

// random returns a document and a plain Go value. Two such values are equal if and
// only if the documents are.
func random(r *rand.Rand, depth int) (cache.Value, any) {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		b := r.IntN(2) == 1
		return cache.Bool(b), b
	case 1:
		i := int64(r.IntN(5)) - 2
		return cache.Int(i), i
	case 2:
		f := float64(r.IntN(5)) / 2
		return cache.Float(f), f
	case 3:
		s := string([]rune("ab\x00é\"")[:r.IntN(5)])
		return cache.String(s), s
	case 4:
		n := r.IntN(3)
		var vs []cache.Value
		plain := make([]any, n)
		for i := range n {
			v, p := random(r, depth-1)
			vs, plain[i] = append(vs, v), p
		}
		return cache.List(vs...), plain
	}
	m, plain := make(map[string]cache.Value), make(map[string]any)
	for range r.IntN(3) {
		k := []string{"a", "b", "ab", ""}[r.IntN(4)]
		m[k], plain[k] = random(r, depth-1)
	}
	return cache.Map(m), plain
}

func TestEncodingsAreEqualExactlyForEqualDocuments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[cache.Key]any)
	for range 20000 {
		v, plain := random(r, 3)
		k := v.Key("test")
		if other, ok := seen[k]; ok && !reflect.DeepEqual(other, plain) {
			t.Fatalf("%#v and %#v have one key", plain, other)
		}
		seen[k] = plain
	}
	keys := make(map[string]cache.Key)
	for k, plain := range seen {
		id := describe(plain)
		if other, ok := keys[id]; ok && other != k {
			t.Fatalf("%s has two keys", id)
		}
		keys[id] = k
	}
}

// describe writes a plain value with its types and sorted maps.
func describe(v any) string {
	raw, err := json.Marshal(struct{ T, V any }{reflect.TypeOf(v).String(), v})
	if err != nil {
		panic(err)
	}
	if list, ok := v.([]any); ok {
		s := "list"
		for _, x := range list {
			s += "(" + describe(x) + ")"
		}
		return s
	}
	if m, ok := v.(map[string]any); ok {
		s := "map"
		for _, k := range []string{"", "a", "ab", "b"} {
			if x, ok := m[k]; ok {
				s += "(" + k + ":" + describe(x) + ")"
			}
		}
		return s
	}
	return string(raw)
}

func TestJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		v, plain := random(r, 3)
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back cache.Value
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if !back.Equal(v) {
			t.Fatalf("%#v comes back from %s as another document", plain, raw)
		}
	}
}

// Changing these keys invalidates the stores of all users.
func TestGoldenKeys(t *testing.T) {
	doc := cache.Map(map[string]cache.Value{
		"name": cache.String("derf"), "alpha": cache.Float(0.5), "layers": cache.Int(4), "bias": cache.Bool(true),
		"sites": cache.List(cache.String("attention"), cache.String("ffn")), "empty": cache.Map(nil),
	})
	for _, tt := range []struct {
		name   string
		value  cache.Value
		domain string
		want   string
	}{
		{"document", doc, "golden", "ced89f46adecea46e0bd0af338dc524cd818c3d7135fc7dbf7322aa0dd76f2bc"},
		{"another domain", doc, "golden2", "9daa37e782637661746b76fc2dd471de75ae81230672c71306ba76ac7429a46f"},
		{"one is not 1.0", cache.Int(1), "golden", "44107d989e3cab0f1203f135fe5bff000500d4eb425b729f86793438abfb8418"},
		{"1.0 is not one", cache.Float(1), "golden", "7bf15e40f008df483e7b4392dbe8b7743ab6016def77b2ef9352ff3e56725d13"},
	} {
		if got := tt.value.Key(tt.domain).String(); got != tt.want {
			t.Errorf("key of %s = %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestDiffNamesTheFields(t *testing.T) {
	a := cache.Map(map[string]cache.Value{
		"same": cache.Int(1), "gone": cache.Int(2), "list": cache.List(cache.Int(1), cache.Int(2)),
		"deep": cache.Map(map[string]cache.Value{"x": cache.Float(0.5)}),
	})
	b := cache.Map(map[string]cache.Value{
		"same": cache.Int(1), "new": cache.Int(2), "list": cache.List(cache.Int(1), cache.Int(3)),
		"deep": cache.Map(map[string]cache.Value{"x": cache.Float(0.25)}),
	})
	var got []string
	for _, d := range cache.Diff(a, b) {
		line := ""
		for _, p := range d.Path {
			line += "/" + p
		}
		was, _ := json.Marshal(d.A)
		now, _ := json.Marshal(d.B)
		got = append(got, line+" "+string(was)+" "+string(now))
	}
	want := []string{"/deep/x 0.5 0.25", "/gone 2 null", "/list/1 2 3", "/new null 2"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Diff = %q, want %q", got, want)
	}
}

func TestNumbersThatNoKeyCanHold(t *testing.T) {
	for _, f := range []func(){
		func() { cache.Float(nan()) },
		func() { cache.List(cache.Value{}) },
		func() { cache.Map(map[string]cache.Value{"x": {}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		}()
	}
	if negative := cache.Float(1 / negativeInfinity()); !negative.Equal(cache.Float(0)) {
		t.Error("negative zero is another number than zero")
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func negativeInfinity() float64 { zero := 0.0; return -1 / zero }

func FuzzValueJSON(f *testing.F) {
	f.Add(`{"a":[1,1.0,"x",true,{}]}`)
	f.Add(`{"a":1,"a":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v cache.Value
		if json.Unmarshal([]byte(text), &v) != nil || v.IsZero() {
			return
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back cache.Value
		if err := json.Unmarshal(raw, &back); err != nil || !back.Equal(v) {
			t.Fatalf("%s comes back differently: %v", raw, err)
		}
	})
}

func BenchmarkTenThousandKeys(b *testing.B) {
	shared := make(map[string]cache.Value)
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		shared[k] = cache.String("value of " + k)
	}
	sub := cache.Map(shared)
	for b.Loop() {
		for i := range 10000 {
			cache.Map(map[string]cache.Value{"seed": cache.Int(int64(i)), "model": sub, "norm": sub, "optimizer": sub}).Key("bench")
		}
	}
}
