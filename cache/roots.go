package cache

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Root is what a run needs to be kept: all keys that it planned.
type Root struct {
	Study string    `json:"study"`
	Dir   string    `json:"dir"`
	Time  time.Time `json:"time"`
	Keys  []Key     `json:"keys"`
}

// PutRoot records a root under a name that stands for the study and its folder.
func (s *Local) PutRoot(r Root) error {
	id := DigestOf([]byte(r.Study + "\x00" + r.Dir)).Hex()[:16]
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := fsys.WriteAtomic(s.fs, s.path("roots", id+".json"), raw); err != nil {
		return advise(fmt.Errorf("recording the run: %w", err))
	}
	return nil
}

// Roots lists the recorded roots, newest first.
func (s *Local) Roots() ([]Root, error) {
	names, err := afero.Glob(s.fs, s.path("roots", "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Root
	for _, name := range names {
		raw, err := afero.ReadFile(s.fs, name)
		if err != nil {
			return nil, err
		}
		var r Root
		if json.Unmarshal(raw, &r) == nil { // a damaged root protects nothing
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Root) int { return b.Time.Compare(a.Time) })
	return out, nil
}
