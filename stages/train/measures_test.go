package train

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// What probes are said to record is what they record.
func TestReadings(t *testing.T) {
	dyt, rms := &norm.DyT{Alpha: norm.Sites{Attention: 0.5, FFN: 0.3, Final: 40}, Bias: true}, &norm.RMSNorm{Eps: 1e-5}
	withQK := norm.Everywhere(rms)
	withQK[norm.QK] = dyt
	llama := func(attention, placement string) *model.Llama {
		m := &model.Llama{Layers: 1, Width: 16, Heads: 2, KVHeads: 2, FFN: 24, RopeTheta: 10000, Tied: true, InitStd: 0.02, Attention: attention}
		reflect.ValueOf(m).Elem().FieldByName("Placement").SetString(placement)
		return m
	}
	models := map[string]model.Model{
		"pre": llama("plain", "pre"), "post": llama("flash", "post"), "peri": llama("plain", "peri"), "cudnn": llama("cudnn", "pre"),
		"gpt2": &model.GPT2{Layers: 1, Width: 16, Heads: 2, FFN: 24, Positions: 8, Bias: true, Tied: true, InitStd: 0.02, Attention: "plain"},
	}
	for _, norms := range []norm.Norms{norm.Everywhere(dyt), norm.Everywhere(rms), norm.Everywhere(&norm.None{}), withQK} {
		for name, m := range models {
			stands := norm.Norms{}
			for _, site := range m.Traits().Sites {
				if norms[site] != nil {
					stands[site] = norms[site]
				}
			}
			testReadings(t, fmt.Sprintf("%s, %T", name, norms[norm.QK]), m, stands)
		}
	}
}

func testReadings(t *testing.T, name string, m model.Model, norms norm.Norms) {
	t.Helper()
	p := &probe{recipe: newRecipe(m, norms, &optimizer.AdamW{LearningRate: 1e-3}, 16, &LM{Batch: Batch{2, 8}, Accumulate: 1}).forward()}
	if _, err := p.fingerprint(); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range p.readings {
		if site, ok := strings.CutPrefix(r.path, "layers.0."); ok {
			want = append(want, fmt.Sprint(r.quantity, " ", strings.TrimPrefix(site, "norm.")))
		}
	}
	for quantity, sites := range readingsOf(m, norms) {
		for _, site := range sites {
			got = append(got, quantity+" "+site)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: said %q, recorded %q", name, got, want)
	}
}
