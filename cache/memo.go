package cache

import (
	"fmt"
	"sync"
)

// memoDomain keeps the names of memoized digests apart from keys of actions.
const memoDomain = "ablate memo v1"

// Memo caches digests that the running executable computed. Another executable
// has its own memo, so a rebuilt program computes all of them again.
type Memo struct {
	store *Local
	path  string

	mu        sync.Mutex // guards the rest
	known     map[Key]Digest
	computing map[Key]func() (Digest, error)
	changed   bool
}

// Memo loads what the executable of that digest computed before. A damaged file
// is ignored.
func (s *Local) Memo(executable Digest) *Memo {
	m := &Memo{store: s, path: s.path("memo", executable.Hex()), known: make(map[Key]Digest), computing: make(map[Key]func() (Digest, error))}
	raw, err := s.readFile(m.path)
	if err != nil || len(raw) < 32 || DigestOf(raw[32:]) != Digest(raw[:32]) {
		return m
	}
	for rest := raw[32:]; len(rest) >= 64; rest = rest[64:] {
		m.known[Key(rest[:32])] = Digest(rest[32:64])
	}
	return m
}

// Digest returns the memoized digest of a description, or computes it. Different ones
// are computed concurrently, each once.
func (m *Memo) Digest(what Value, compute func() (Digest, error)) (Digest, error) {
	k := what.Key(memoDomain)
	m.mu.Lock()
	d, ok := m.known[k]
	once := m.computing[k]
	if !ok && once == nil {
		once = sync.OnceValues(compute)
		m.computing[k] = once
	}
	m.mu.Unlock()
	if ok {
		return d, nil
	}
	d, err := once()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.computing, k)
	if err != nil {
		return Digest{}, err
	}
	m.known[k], m.changed = d, true
	return d, nil
}

// Save writes new digests. Losing them only costs time.
func (m *Memo) Save() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.changed {
		return nil
	}
	body := make([]byte, 0, 64*len(m.known))
	for k, d := range m.known {
		body = append(append(body, k[:]...), d[:]...)
	}
	sum := DigestOf(body)
	m.changed = false
	if err := m.store.writeFile(m.path, append(sum[:], body...)); err != nil {
		return advise(fmt.Errorf("writing memoized fingerprints: %w", err))
	}
	return nil
}
