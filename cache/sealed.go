package cache

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/afero"
)

// PutSealed keeps the form in which an entry came from elsewhere, with its
// signature. The first one stays.
func (s *Local) PutSealed(k Key, raw []byte) error {
	hex := k.String()
	if err := s.createFile(s.path("sealed", hex[:2], hex), raw); err != nil && !errors.Is(err, fs.ErrExist) {
		return advise(fmt.Errorf("keeping the sealed entry %s: %w", k, err))
	}
	return nil
}

// Sealed returns what PutSealed kept; ok is false where there is nothing.
func (s *Local) Sealed(k Key) (raw []byte, ok bool, err error) {
	hex := k.String()
	raw, err = afero.ReadFile(s.fs, s.path("sealed", hex[:2], hex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return raw, err == nil, err
}
