package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"unsafe"

	"ablate/cache/fsys"
)

// Mapped is a blob's plain bytes. They must not be written to, nor used after
// Close.
type Mapped struct {
	Bytes []byte
	unmap func() error

	// Of bytes that are mapped.
	store *Local
	of    Digest
	path  string
	file  fs.File // open, since the path may name another file or none later
	info  fs.FileInfo
}

// MappedBytes returns bytes in memory as Map would.
func MappedBytes(b []byte) *Mapped {
	return &Mapped{Bytes: b, unmap: func() error { return nil }}
}

// Use calls f, which reads the bytes. If it returns an error, what f computed is
// worthless: a *DamagedError if another program shortened the file, so that reading
// its pages faults or gives zeros; any other if the disk failed. Without Use, such a
// fault ends the process. Only faults on the goroutine that calls f are caught;
// others end the process.
//
// Blobs are immutable: this program never shortens one. Windows refuses to shorten
// a mapped file.
func (m *Mapped) Use(f func(b []byte)) (err error) {
	if m.store == nil {
		f(m.Bytes)
		return nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		recovered := recover()
		fault, ok := recovered.(interface{ Addr() uintptr })
		switch {
		case recovered == nil:
			err = m.check()
		case ok && m.contains(fault.Addr()):
			if err = m.check(); err == nil { // the pages exist, but could not be read
				err = m.unread(&fs.PathError{Op: "read", Path: m.path, Err: syscall.EIO})
			}
		default:
			panic(recovered)
		}
	}()
	f(m.Bytes)
	return nil
}

// contains reports whether an address is one of the bytes.
func (m *Mapped) contains(address uintptr) bool {
	return address-uintptr(unsafe.Pointer(unsafe.SliceData(m.Bytes))) < uintptr(len(m.Bytes))
}

// check reports a file whose size changed. One that was evicted, or moved aside, stays
// readable until Close.
func (m *Mapped) check() error {
	now, err := m.file.Stat()
	if err != nil {
		return m.unread(err)
	}
	if now.Size() != m.info.Size() {
		return m.damaged(fmt.Errorf("its size changed from %d to %d bytes while it was in use", m.info.Size(), now.Size()))
	}
	return nil
}

func (m *Mapped) unread(err error) error {
	return fmt.Errorf("reading blob %s: %w", m.of, unread(err))
}

// damaged moves the file aside, unless another has its path by now: a trial that
// shares the file may have noticed first, and the blob may be there again.
func (m *Mapped) damaged(err error) error {
	moved := true
	if now, statErr := m.store.fs.Stat(m.path); statErr == nil && os.SameFile(now, m.info) {
		moved = m.store.quarantine(m.path, "")
	}
	return &DamagedError{What: "blob " + m.of.String(), Path: m.path, Err: err, InPlace: !moved}
}

// Close releases the bytes.
func (m *Mapped) Close() error {
	m.Bytes = nil
	err := m.unmap()
	if m.file != nil {
		err = errors.Join(err, m.file.Close())
	}
	return err
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
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening blob %s: %w", d, err), f.Close())
	}
	b, unmap, err := fsys.Map(f)
	if err != nil {
		f.Close()
		return s.copied(ctx, d)
	}
	m := &Mapped{Bytes: b, unmap: unmap, store: s, of: d, path: path, file: f, info: info}
	var got Digest
	err = m.Use(func(b []byte) { got = DigestOf(b) })
	if err == nil && got != d {
		err = m.damaged(fmt.Errorf("its bytes have the digest %s", got))
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// copied reads a blob that cannot be mapped.
func (s *Local) copied(ctx context.Context, d Digest) (*Mapped, error) {
	b, err := ReadAll(ctx, s, d)
	if err != nil {
		return nil, err
	}
	return MappedBytes(b), nil
}
