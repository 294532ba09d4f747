package cache

import (
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

// Use makes a collection work on another file system.
func (c *Collection) Use(f fsys.FS) {
	c.store = &Local{fs: f, dir: c.store.dir, healed: c.store.healed, retention: c.store.retention, leases: newLeases()}
}
