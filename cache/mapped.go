package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"ablate/cache/fsys"
)

// Mapped is a blob's plain bytes. They must not be written to, nor used after
// Close.
type Mapped struct {
	Bytes []byte
	unmap func() error
}

// MappedBytes returns bytes in memory as Map would.
func MappedBytes(b []byte) *Mapped { return &Mapped{b, func() error { return nil }} }

// Close releases the bytes.
func (m *Mapped) Close() error {
	m.Bytes = nil
	return m.unmap()
}

// Map implements Store. The bytes are verified once, here. Pages that the kernel
// drops and reads again later are not.
func (s *Local) Map(ctx context.Context, d Digest) (*Mapped, error) {
	path := s.blobPath(d, "")
	f, err := s.openFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errUnfit) { // compressed, absent or damaged
		return s.copied(ctx, d)
	}
	if err != nil {
		return nil, fmt.Errorf("opening blob %s: %w", d, err)
	}
	b, unmap, err := fsys.Map(f)
	f.Close() // the mapping outlives it
	if err != nil {
		return s.copied(ctx, d)
	}
	if got := DigestOf(b); got != d {
		s.quarantine(path, "")
		err := fmt.Errorf("its bytes have the digest %s", got)
		return nil, errors.Join(&DamagedError{What: "blob " + d.String(), Path: path, Err: err}, unmap())
	}
	return &Mapped{b, unmap}, nil
}

// copied reads a blob that cannot be mapped.
func (s *Local) copied(ctx context.Context, d Digest) (*Mapped, error) {
	b, err := ReadAll(ctx, s, d)
	if err != nil {
		return nil, err
	}
	return MappedBytes(b), nil
}
