package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Pin protects an entry from garbage collection. An entry has a pin for each of those
// that were pinned and depend on it.
type Pin struct {
	Key     Key       `json:"key"`
	For     Key       `json:"for,omitzero"`    // the entry that was pinned; earlier versions wrote none
	Study   string    `json:"study,omitempty"` // of the address; earlier versions wrote none
	Address string    `json:"address"`
	Time    time.Time `json:"time"`
}

func (s *Local) pinPath(p Pin) string {
	name := p.Key.String()
	if !p.For.IsZero() {
		name += "." + p.For.String()
	}
	return s.path("pins", name+".json")
}

// AddPin pins an entry.
func (s *Local) AddPin(p Pin) error { return s.writeDocument(s.pinPath(p), p) }

// Unpin removes some pins. free are those of what no other pin protects.
func (s *Local) Unpin(which func(Pin) bool) (free []Pin, err error) {
	pins, err := s.Pins()
	if err != nil {
		return nil, err
	}
	listed := make(map[Key]bool) // and those that another pin protects
	var removed []Pin
	for _, p := range pins {
		if !which(p) {
			listed[p.Key] = true
			continue
		}
		if err := s.fs.Remove(s.pinPath(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, advise(fmt.Errorf("removing a pin: %w", err))
		}
		removed = append(removed, p)
	}
	for _, p := range removed {
		if !listed[p.Key] {
			listed[p.Key] = true
			free = append(free, p)
		}
	}
	return free, nil
}

// Pins lists the pins, oldest first.
func (s *Local) Pins() ([]Pin, error) {
	all, err := readDocuments[Pin](s, "pins")
	slices.SortStableFunc(all, func(a, b Pin) int { return a.Time.Compare(b.Time) })
	return all, err
}
