package cache

import "time"

// SetLeasePeriod makes the store's leases as quick as a test.
func (s *Local) SetLeasePeriod(d time.Duration) { s.leases.period = d }

// Forget ends the beats of a lease whose holder a test has let die.
func (s *Local) Forget(k Key) {
	s.leases.mu.Lock()
	l := s.leases.held[k]
	s.leases.mu.Unlock()
	if l != nil {
		close(l.stop)
		l.done.Wait()
	}
}
