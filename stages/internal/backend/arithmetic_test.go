package backend

import (
	"slices"
	"strings"
	"testing"
)

// The class holds what the kernels compute; each program runs, and repeats itself.
func TestArithmetic(t *testing.T) {
	for _, half := range []bool{false, true} {
		class, hash := Class("go", Numerics{Half: half}), arithmetic[half]()
		if !strings.Contains(class, " arithmetic="+hash) || strings.HasPrefix(hash, "failed") {
			t.Errorf("the class is %q, with the arithmetic %s", class, hash)
		}
	}
	if arithmetic[false]() == arithmetic[true]() {
		t.Error("products of bfloat16 factors are not part of the class")
	}
	for _, p := range append(slices.Clone(canonicalPrograms), canonicalHalves) {
		first, err := p.run()
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		second, _ := p.run()
		for i := range first {
			for j := range first[i] {
				if a, b := first[i][j], second[i][j]; a != b && a == a {
					t.Fatalf("%s: output %d is %v, and then %v at %d", p.name, i, a, b, j)
				}
			}
		}
	}
}
