//go:build unix

package main

import (
	"runtime"
	"testing"
)

// TestDoubt has the times of good runs, of a run that others overlap, and of a peer that
// becomes slower while it trains.
func TestDoubt(t *testing.T) {
	cores := float64(runtime.NumCPU())
	for _, c := range []struct {
		m    measurement
		want bool
	}{
		{measurement{Seconds: 1, CPU: cores}, false},
		{measurement{Seconds: 1, CPU: 0.6, Fastest: 0.7}, false},
		{measurement{Seconds: 0.55, CPU: 0.683 * cores}, false},
		{measurement{Seconds: 0.5, CPU: 0.683 * cores}, true},
		{measurement{Seconds: 11, CPU: 8 * cores, Fastest: 1.1}, true},
	} {
		if got := c.m.doubt(); (got != "") != c.want {
			t.Errorf("%+v: doubt %q", c.m, got)
		}
	}
}
