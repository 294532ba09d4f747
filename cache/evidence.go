package cache

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// Evidence is what repeating an entry's action found. It is kept beside the
// entry and is never an input.
type Evidence struct {
	Executable Digest             `json:"executable"` // of the program that repeated it
	Host       string             `json:"host"`
	Time       string             `json:"time"`        // RFC 3339
	Equal      bool               `json:"equal"`       // every artifact has the same bytes
	Differ     []string           `json:"differ"`      // artifacts with other bytes
	Largest    map[string]float64 `json:"differences"` // by metric, the largest absolute difference at any step
}

// AddEvidence records what repeating the action of a key found.
func (s *Local) AddEvidence(k Key, e Evidence) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	name := s.path("evidence", k.String(), DigestOf(raw).Hex()[:16]+".json")
	if err := s.writeFile(name, raw); err != nil {
		return advise(fmt.Errorf("storing the evidence: %w", err))
	}
	return nil
}

// Evidence lists what repetitions of the action of a key found. A damaged
// record is skipped.
func (s *Local) Evidence(k Key) ([]Evidence, error) {
	all, err := readDocuments[Evidence](s, filepath.Join("evidence", k.String()))
	if !isReadError(err) {
		err = nil
	}
	return all, err
}
