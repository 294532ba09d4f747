package cache

import (
	"fmt"
	"sync"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// memoDomain keeps the names under which digests are remembered apart from
// keys of actions.
const memoDomain = "ablate memo v1"

// Memo remembers digests that the running executable computed. Another
// executable has another memo: after a rebuild nothing is taken on trust.
type Memo struct {
	fs   fsys.FS
	path string

	mu      sync.Mutex
	known   map[Key]Digest
	changed bool
}

// Memo loads what the executable of that digest has computed before. A damaged
// file is forgotten.
func (s *Local) Memo(executable Digest) *Memo {
	m := &Memo{fs: s.fs, path: s.path("memo", executable.Hex()), known: make(map[Key]Digest)}
	raw, err := afero.ReadFile(s.fs, m.path)
	if err != nil || len(raw) < 32 || DigestOf(raw[32:]) != Digest(raw[:32]) {
		return m
	}
	for rest := raw[32:]; len(rest) >= 64; rest = rest[64:] {
		m.known[Key(rest[:32])] = Digest(rest[32:64])
	}
	return m
}

// Digest returns what is remembered of a description, or computes it.
func (m *Memo) Digest(what Value, compute func() (Digest, error)) (Digest, error) {
	k := what.Key(memoDomain)
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.known[k]; ok {
		return d, nil
	}
	d, err := compute()
	if err != nil {
		return Digest{}, err
	}
	m.known[k], m.changed = d, true
	return d, nil
}

// Save writes what was learnt. Losing it costs time, nothing else.
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
	if err := fsys.WriteAtomic(m.fs, m.path, append(sum[:], body...)); err != nil {
		return advise(fmt.Errorf("writing remembered fingerprints: %w", err))
	}
	return nil
}
