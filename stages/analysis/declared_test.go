package analysis

import (
	"testing"

	"ablate/hcl/addr"
)

// What decides a declared contrast or the margin changes its digest in the lock, so that a contrast
// is not called planned which became another one after a look at the results.
func TestDigestOfDeclarations(t *testing.T) {
	declare := func(change func(f *Factorial)) map[string]string {
		f, margin := newFactorial(), 0.1
		f.Response, f.Freeze, f.Margin = "loss", true, &margin
		f.Contrasts = []Declared{{Name: "c", Of: map[string]addr.Level{"norm": word("a")}, Against: map[string]addr.Level{"norm": word("b")}}}
		change(f)
		f.Resolve()
		return f.Declared()
	}
	plain := declare(func(*Factorial) {})
	for name, tt := range map[string]struct {
		change           func(f *Factorial)
		contrast, margin bool // whether the digest changes
	}{
		"scale":           {func(f *Factorial) { f.Scale = logScale }, true, true},
		"default scale":   {func(f *Factorial) { f.Scale = linearScale }, false, false},
		"error":           {func(f *Factorial) { f.Error = "pooled" }, true, false},
		"only":            {func(f *Factorial) { f.Only = []Only{{Factor: "rate", Levels: []string{"1", "2"}}} }, true, false},
		"tune":            {func(f *Factorial) { f.Tune = []string{"rate"} }, true, false},
		"better":          {func(f *Factorial) { f.Better = "higher" }, false, true},
		"target":          {func(f *Factorial) { f.Target = new(float64) }, true, true},
		"sign flip":       {func(f *Factorial) { f.SignFlip = true }, false, false},
		"the other alpha": {func(f *Factorial) { f.Alpha = 0.01 }, false, true},
	} {
		got := declare(tt.change)
		if got["c"] != plain["c"] != tt.contrast || got[frozenMargin] != plain[frozenMargin] != tt.margin {
			t.Errorf("%s: the digest of the contrast changes: %v, want %v; of the margin: %v, want %v", name,
				got["c"] != plain["c"], tt.contrast, got[frozenMargin] != plain[frozenMargin], tt.margin)
		}
	}
	only := func(levels ...string) string {
		return declare(func(f *Factorial) { f.Only = []Only{{Factor: "rate", Levels: levels}} })["c"]
	}
	if only("1", "2") != only("2", "1") {
		t.Error("the order of levels in only changes the digest")
	}
}
