package analysis

import (
	"testing"

	"ablate/cache"
)

// A scene that behaves as another one shows nothing of the option that it is about.
func TestScenesDiffer(t *testing.T) {
	for _, s := range Behaviours() {
		seen := make(map[cache.Digest]string)
		for name, digest := range s.Behaviours(nil) {
			if other := seen[digest]; other != "" {
				t.Errorf("%s behaves as %s", name, other)
			}
			seen[digest] = name
		}
	}
}
