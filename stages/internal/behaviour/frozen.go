package behaviour

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"ablate/cache"
)

// frozen holds one line for each part of each scene: its name, and the behaviour
// that it had when it was introduced. Lines are only ever appended. A line that is
// edited or removed would give old keys to new bytes; scripts/check-frozen refuses
// that.
//
//go:embed frozen.txt
var frozen string

// FrozenFile is the name of the file in this package's folder.
const FrozenFile = "frozen.txt"

// Frozen lists the behaviours at introduction by name, in the order of the file.
var Frozen = sync.OnceValue(func() map[string]cache.Digest {
	out := make(map[string]cache.Digest)
	for line := range strings.Lines(frozen) {
		name, hex, _ := strings.Cut(strings.TrimSpace(line), " ")
		d, err := cache.ParseDigest(hex)
		if _, twice := out[name]; err != nil || twice || strings.Count(name, "/") != 2 {
			panic(fmt.Sprintf("behaviour: the line %q of %s is not one new name and a digest", line, FrozenFile))
		}
		out[name] = d
	}
	return out
})

// frozenOf lists the frozen behaviours of one subject.
func frozenOf(subject string) map[string]cache.Digest {
	out := make(map[string]cache.Digest)
	for name, d := range Frozen() {
		if strings.HasPrefix(name, subject+"/") {
			out[name] = d
		}
	}
	return out
}
