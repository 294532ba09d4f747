package hcl_test

import (
	"os"
	"path/filepath"
	"testing"

	"ablate/hcl"
)

// BenchmarkLoad loads a study of 100,000 trials.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	text := header + "train \"lm\" \"main\" {" + trainBody + `
  matrix {
    norm      = [norm.rmsnorm.base, norm.derf.alpha]
    optimizer = [optimizer.adamw.base, optimizer.adamw.fast]
    seed      = flatten([for i in range(17) : [for j in range(981) : i * 1000 + j]])
  }
}
`
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		study, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds()})
		if diags.HasErrors() {
			b.Fatal(render(diags))
		}
		b.ReportMetric(float64(len(study.Instances)), "instances")
	}
}
