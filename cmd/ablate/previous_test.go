//go:build previous

package main

import (
	"os"
	"path/filepath"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
)

// The version of the program at ABLATE_TEST_PREVIOUS uses a store in turn with this
// one. Such a program is not part of a clone, so the test needs the tag previous:
//
//	ABLATE_TEST_PREVIOUS=/tmp/ablate-0.1 go test -tags previous ./cmd/ablate -run TestPreviousVersion
func TestPreviousVersion(t *testing.T) {
	previous := os.Getenv("ABLATE_TEST_PREVIOUS")
	if previous == "" {
		t.Fatal("ABLATE_TEST_PREVIOUS does not name a program")
	}
	study := crashStudy(t)
	m := machine{study, filepath.Join(t.TempDir(), "store")}
	for round := range 2 {
		for _, program := range []string{previous, "ablate"} {
			for _, args := range [][]string{{"run"}, {"plan"}, {"cache", "gc", "--grace", "0s", "--apply"}, {"cache", "verify"}} {
				if _, err := m.do(program, args...); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		}
	}
	store, err := cache.Open(fsys.NewOS(), m.store)
	if err != nil {
		t.Fatal(err)
	}
	store.OnHealed(func(err error) { t.Errorf("reported as damage: %v", err) })
	if lost, err := store.Reindex(t.Context()); err != nil || len(lost) > 0 {
		t.Errorf("Reindex = %v, %v", lost, err)
	}
}
