package cli

import "testing"

func TestSample(t *testing.T) {
	const most = 12
	for n := range 100 {
		got := sample(make([]int, n), most)
		if len(got) > most || len(got) < min(n, most/2) {
			t.Errorf("a sample of %d has %d, want %d at most", n, len(got), most)
		}
	}
}
