package cache

import (
	"errors"
	"fmt"
	"io/fs"
)

func (s *Local) sealedPath(k Key) string {
	hex := k.String()
	return s.path("sealed", hex[:2], hex)
}

// PutSealed stores the form in which an entry came from another machine, with
// its signature. The first one stays.
func (s *Local) PutSealed(k Key, raw []byte) error {
	if err := s.createFile(s.sealedPath(k), raw); err != nil && !errors.Is(err, fs.ErrExist) {
		return advise(fmt.Errorf("storing the sealed entry %s: %w", k, err))
	}
	return nil
}

// Sealed returns what PutSealed stored. ok is false if there is nothing.
func (s *Local) Sealed(k Key) (raw []byte, ok bool, err error) {
	raw, err = s.readFile(s.sealedPath(k))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case errors.Is(err, errUnfit):
		moved := s.DropSealed(k)
		err = &DamagedError{What: "the sealed entry " + k.String(), Path: s.sealedPath(k), Err: err, InPlace: !moved}
	}
	return raw, err == nil, unread(err)
}

// DropSealed moves a damaged sealed entry aside.
func (s *Local) DropSealed(k Key) (moved bool) { return s.quarantine(s.sealedPath(k), "sealed-") }
