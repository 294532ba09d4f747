package train

import (
	"fmt"
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
	for name, norms := range map[string]norm.Norms{"dyt": norm.Everywhere(dyt), "rmsnorm": norm.Everywhere(rms), "none": norm.Everywhere(&norm.None{}), "qk": withQK} {
		m := &model.Llama{Layers: 1, Width: 16, Heads: 2, KVHeads: 2, FFN: 24, RopeTheta: 10000, Tied: true, InitStd: 0.02}
		for _, site := range []norm.Site{norm.AttentionOutput, norm.FFNOutput} { // the model's norms stand before its sublayers
			delete(norms, site)
		}
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
}
