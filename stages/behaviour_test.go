package stages_test

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/stages"
	"ablate/stages/internal/behaviour"
)

var (
	freeze  = flag.Bool("freeze", false, "append the behaviour of new scenes to frozen.txt")
	deviate = flag.Bool("deviate", false, "write what no longer behaves as it did when it was frozen to deviations.txt")
)

const (
	frozenPath    = "internal/behaviour/" + behaviour.FrozenFile
	deviationPath = "testdata/deviations.txt"
)

// Every scene behaves as it did when it was introduced, or as deviations.txt says.
// It is the golden of all behaviour fingerprints: it must hold on every processor,
// at every level of its instructions, with any number of cores.
func TestBehaviours(t *testing.T) {
	now := make(map[string]cache.Digest)
	for _, s := range stages.Behaviours() {
		for name, d := range s.Behaviours(nil) {
			if parts := strings.Split(name, "/"); len(parts) != 3 || parts[1] != behaviour.Failed && !slices.Contains(s.Parts, parts[1]) {
				t.Errorf("%s is not a subject, one of its parts and a scene", name)
			} else if parts[1] == behaviour.Failed {
				t.Errorf("%s: the scene failed. Run the test with -run TestBehavioursRepeat/%s -v.", name, s.Name)
			}
			now[name] = d
		}
	}
	if *freeze {
		appendNew(t, now)
		return
	}
	deviations := make(map[string]cache.Digest)
	for name, then := range behaviour.Frozen() {
		if now[name] != then {
			deviations[name] = now[name]
		}
	}
	for name := range now {
		if _, ok := behaviour.Frozen()[name]; !ok {
			t.Errorf("%s is not frozen: go test ./stages -run TestBehaviours -freeze", name)
		}
	}
	if *deviate {
		writeDeviations(t, deviations)
		return
	}
	want := readDeviations(t)
	for _, name := range slices.Sorted(maps.Keys(deviations)) {
		if want[name] != deviations[name] {
			t.Errorf("%s behaves otherwise than before: %s. Keys change with it, so that what it decides is computed anew. "+
				"If that is meant: go test ./stages -run TestBehaviours -deviate", name, deviations[name])
		}
	}
	for name := range want {
		if _, ok := deviations[name]; !ok {
			t.Errorf("%s behaves as it was frozen, and stands in %s", name, deviationPath)
		}
	}
}

func appendNew(t *testing.T, now map[string]cache.Digest) {
	f, err := os.OpenFile(frozenPath, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, ok := behaviour.Frozen()[name]; !ok {
			fmt.Fprintf(f, "%s %s\n", name, now[name])
		}
	}
}

func writeDeviations(t *testing.T, deviations map[string]cache.Digest) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(deviations)) {
		fmt.Fprintf(&b, "%s %s\n", name, deviations[name])
	}
	if err := os.WriteFile(deviationPath, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readDeviations(t *testing.T) map[string]cache.Digest {
	f, err := os.Open(deviationPath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := make(map[string]cache.Digest)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, digest, _ := strings.Cut(lines.Text(), " ")
		d, err := cache.ParseDigest(digest)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = d
	}
	return out
}

// What a scene notes is the same every time.
func TestBehavioursRepeat(t *testing.T) {
	for _, s := range stages.Behaviours() {
		t.Run(s.Name, func(t *testing.T) {
			first, second := s.Behaviours(nil), s.Behaviours(nil)
			if !maps.Equal(first, second) {
				t.Errorf("%v, and then %v", first, second)
			}
			if testing.Verbose() {
				s.Behaviours(func(scene, part, line string) {
					if part == behaviour.Failed || strings.HasPrefix(line, "refused") {
						t.Logf("%s: %s", scene, line)
					}
				})
			}
		})
	}
}
