package cache

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"

	"ablate/cache/fsys"
)

// SetLeasePeriod sets the period of the store's leases.
func (s *Local) SetLeasePeriod(d time.Duration) { s.leases.period = d }

// Forget stops the beats of a lease.
func (s *Local) Forget(k Key) {
	s.leases.mu.Lock()
	l := s.leases.held[k]
	s.leases.mu.Unlock()
	if l != nil {
		close(l.stop)
		l.done.Wait()
	}
}

// LegacyIndex is an empty index of format 1.
func LegacyIndex() []byte { return []byte(legacyHead) }

// LegacyRecord is the record of an entry in an index of format 1.
func LegacyRecord(e Entry) []byte { return appendLegacyRecord(nil, e) }

// LegacyKeys reads the keys of an index of format 1, and fails where a program
// that knows that format does.
func LegacyKeys(raw []byte) ([]Key, error) {
	rest, ok := bytes.CutPrefix(raw, []byte(legacyHead))
	if !ok {
		return nil, errIndexDamaged
	}
	var keys []Key
	for len(rest) > 0 {
		size, n := binary.Uvarint(rest)
		if n <= 0 || uint64(len(rest)-n) < size+4 {
			return nil, errIndexTorn
		}
		body := rest[n+4:][:size]
		if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(rest[n:]) || len(body) < 32 {
			return nil, errIndexDamaged
		}
		keys = append(keys, Key(body[:32]))
		rest = rest[n+4+int(size):]
	}
	return keys, nil
}

// Use makes a collection work on another file system.
func (c *Collection) Use(f fsys.FS) {
	c.store = &Local{fs: f, dir: c.store.dir, healed: c.store.healed, retention: c.store.retention, leases: newLeases()}
}
