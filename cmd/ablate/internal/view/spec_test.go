package view_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
)

type inner struct {
	Rate float64 `hcl:"rate,optional"`
}

type everything struct {
	Preset string                `hcl:"preset,preset"`
	Text   string                `hcl:"text"`
	Count  *int                  `hcl:"count,optional"`
	None   *int                  `hcl:"none,optional"`
	Files  []string              `hcl:"files,optional"`
	Empty  []string              `hcl:"empty,optional"`
	Levels map[string]addr.Level `hcl:"levels,optional"`
	One    addr.Instance         `hcl:"one" ref:"norm"`
	Many   []addr.Instance       `hcl:"many,optional" ref:"norm"`
	Sites  inner                 `hcl:"sites,optional"`
	Block  *inner                `hcl:"block,block"`
	Absent *inner                `hcl:"absent,block"`
	Each   []inner               `hcl:"each,block"`
	Union  struct {
		Left  *inner `hcl:"left"`
		Right *inner `hcl:"right"`
	} `hcl:"union,union"`
}

// A spec is written in the words of the language, whatever its form.
func TestSpecText(t *testing.T) {
	ref := addr.Instance{Stage: addr.Stage{Block: "norm", Type: "derf", Name: "a"}, Key: "0.3"}
	three := 3
	s := &everything{
		Preset: "tiny", Text: "<|end|>\n", Count: &three, Files: []string{"a", "b"}, One: ref, Many: []addr.Instance{ref},
		Levels: map[string]addr.Level{"width": {Kind: "number", Text: "64"}, "rule": {Kind: "string", Text: "fast"}, "norm": {Kind: "ref", Ref: ref}},
		Sites:  inner{0.5}, Block: &inner{1e-9}, Each: []inner{{1}, {2}},
	}
	s.Union.Right = &inner{0.25}
	got, err := view.SpecText(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `text   = "<|end|>\n"
count  = 3
files  = ["a", "b"]
levels = { norm = norm.derf.a["0.3"], rule = "fast", width = 64 }
one    = norm.derf.a["0.3"]
many   = [norm.derf.a["0.3"]]
sites  = { rate = 0.5 }
block {
  rate = 1e-9
}
each {
  rate = 1
}
each {
  rate = 2
}
union "right" {
  rate = 0.25
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SpecText() (-want +got):\n%s", diff)
	}
}
