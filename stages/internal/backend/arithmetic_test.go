package backend

import (
	"strings"
	"testing"
)

// The class holds what the kernels compute; each program runs, and repeats itself.
func TestArithmetic(t *testing.T) {
	if !strings.Contains(Class("go", false), " arithmetic="+arithmetic()) || strings.HasPrefix(arithmetic(), "failed") {
		t.Errorf("the class is %q, with the arithmetic %s", Class("go", false), arithmetic())
	}
	for _, p := range canonicalPrograms {
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
