package cache

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Evidence is what a repetition of an entry's action found. It is kept beside
// the entry, and is never an input.
type Evidence struct {
	Executable Digest             `json:"executable"` // of the program that repeated it
	Host       string             `json:"host"`
	Time       string             `json:"time"`        // RFC 3339
	Equal      bool               `json:"equal"`       // every artifact has the same bytes
	Differ     []string           `json:"differ"`      // the artifacts that have not
	Largest    map[string]float64 `json:"differences"` // by metric, the largest absolute difference at any step
}

// AddEvidence keeps what a repetition of a key's action found.
func (s *Local) AddEvidence(k Key, e Evidence) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	name := s.path("evidence", k.String(), DigestOf(raw).Hex()[:16]+".json")
	if err := fsys.WriteAtomic(s.fs, name, raw); err != nil {
		return advise(fmt.Errorf("keeping the evidence: %w", err))
	}
	return nil
}

// Evidence lists what repetitions of a key's action found.
func (s *Local) Evidence(k Key) ([]Evidence, error) {
	names, err := afero.Glob(s.fs, s.path("evidence", k.String(), "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Evidence
	for _, name := range names {
		raw, err := afero.ReadFile(s.fs, name)
		if err != nil {
			return nil, err
		}
		var e Evidence
		if json.Unmarshal(raw, &e) == nil { // a damaged one is no evidence
			out = append(out, e)
		}
	}
	return out, nil
}
