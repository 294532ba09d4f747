package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A lease says that a process is computing a key. On one machine the kernel's
// lock on locks/KEY decides; it ends with its process. Other machines that share
// the folder may not see that lock, so the holder also keeps a file
// leases/KEY.EPOCH with its name and a counter that it increments once a period.
// An observer whose monotonic clock measures three periods without a change of the
// counter takes the next epoch with link(2), which succeeds for one of
// them. A holder that sees a higher epoch, or its own file gone, has lost the
// lease.
//
// Leases only save work. If two processes compute a key all the same, the first
// to publish wins.

// leasePeriod is how often a holder increments its counter. Tests shorten it.
const leasePeriod = 5 * time.Second

// deadAfter is the number of periods without a change of the counter after which
// its holder is considered dead.
const deadAfter = 3

// leases are those that this process holds, and its observations of others.
type leases struct {
	host   string
	period time.Duration

	mu   sync.Mutex
	held map[Key]*lease
	seen map[string]observation // by file name
}

// observation is since when the lease of another process has not changed.
type observation struct {
	content string
	since   time.Time // monotonic, so that setting the clock has no effect
}

func newLeases() leases {
	return leases{
		host: machine(), period: leasePeriod,
		held: make(map[Key]*lease), seen: make(map[string]observation),
	}
}

// machine names the running system until it reboots.
func machine() string {
	name, _ := os.Hostname() // an empty name will do
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.Join(strings.Fields(name+" "+string(boot)), "/")
}

// TryLock takes the lease of a key for this process. ok is false while another
// process holds it.
func (s *Local) TryLock(k Key) (unlock func() error, ok bool, err error) {
	release, ok, local, err := s.lock(s.path("locks", k.String()))
	if !ok || err != nil {
		return nil, false, advise(err)
	}
	l, err := s.take(k, local)
	if l == nil || err != nil {
		return nil, false, advise(errors.Join(err, release()))
	}
	return func() error { return errors.Join(l.release(), release()) }, true, nil
}

// Lost is closed when another machine takes over a key that this process has
// locked, because it believes this process dead. It is nil for a key that is not
// locked.
func (s *Local) Lost(k Key) <-chan struct{} {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if l := s.leases.held[k]; l != nil {
		return l.lost
	}
	return nil
}

// Locked reports whether a process seems to be computing the key.
func (s *Local) Locked(k Key) bool {
	epoch, name, _ := s.newest(k)
	if epoch == 0 {
		return false
	}
	release, ok, local, err := s.lock(s.path("locks", k.String()))
	if !ok || err != nil {
		return err == nil
	}
	release()
	return !local || !strings.HasPrefix(s.content(name), s.leases.host+"#") // otherwise its process is dead
}

// lockedHere reports whether a process of this machine has locked the key, if that can be
// known.
func (s *Local) lockedHere(k Key) (locked, known bool) {
	release, ok, local, err := s.lock(s.path("locks", k.String()))
	if ok && err == nil {
		release()
	}
	return !ok, local && err == nil
}

// lock takes the kernel's lock on a file. local is false where the file system
// has no locks, and nothing is excluded.
func (s *Local) lock(name string) (release func() error, ok, local bool, err error) {
	release, ok, err = s.fs.TryLock(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.makeFolder(filepath.Dir(name)); err == nil {
			release, ok, err = s.fs.TryLock(name)
		}
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK) {
		return func() error { return nil }, true, false, nil
	}
	return release, ok, true, err
}

// lease is one that this process holds.
type lease struct {
	store *Local
	key   Key
	name  string
	owner string
	epoch int
	lost  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup
}

// take takes the lease of a key, or returns nil while another process holds it.
// Under the machine's own lock, a lease of this machine belongs to a dead
// process.
func (s *Local) take(k Key, local bool) (*lease, error) {
	epoch, name, err := s.newest(k)
	if err != nil || epoch > 0 && !s.dead(name, local) {
		return nil, err
	}
	l := &lease{
		store: s, key: k, owner: s.leases.host + "#" + rand.Text(), epoch: epoch + 1,
		lost: make(chan struct{}), stop: make(chan struct{}),
	}
	l.name = s.path("leases", fmt.Sprintf("%s.%d", k, l.epoch))
	if err := s.createLease(l); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, nil // another process was faster
		}
		return nil, err
	}
	for e := epoch; e > 0; e-- {
		s.fs.Remove(s.path("leases", fmt.Sprintf("%s.%d", k, e))) // of dead holders
	}
	s.leases.mu.Lock()
	delete(s.leases.seen, name)
	s.leases.held[k] = l
	s.leases.mu.Unlock()
	l.done.Go(l.beat)
	return l, nil
}

// createLease creates a lease's file. Unlike other files it need not survive a crash, and
// each task takes a lease: waiting for the disk would take longer than all the rest.
func (s *Local) createLease(l *lease) error {
	if err := s.makeFolder(s.path("leases")); err != nil {
		return err
	}
	tmp, err := s.tempFile("lease-*")
	if err != nil {
		return err
	}
	defer s.fs.Remove(tmp.Name())
	_, err = tmp.WriteString(l.text(0))
	if err := errors.Join(err, tmp.Close(), s.fs.Chmod(tmp.Name(), 0o644)); err != nil {
		return err
	}
	return s.hardLink(tmp.Name(), l.name)
}

func (l *lease) text(counter int) string { return fmt.Sprintf("%s %012d\n", l.owner, counter) }

// newest finds the highest epoch of a key, which is 0 if there is no lease.
func (s *Local) newest(k Key) (epoch int, name string, err error) {
	names, err := s.readNames(s.path("leases"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	for _, n := range names {
		if number, ok := strings.CutPrefix(n, k.String()+"."); ok {
			if e, err := strconv.Atoi(number); err == nil && e > epoch {
				epoch, name = e, s.path("leases", n)
			}
		}
	}
	return epoch, name, err
}

// dead reports whether the holder of a lease is gone: immediately for leases of
// this machine, otherwise after three periods without a change of the counter.
func (s *Local) dead(name string, local bool) bool {
	content := s.content(name)
	if local && strings.HasPrefix(content, s.leases.host+"#") {
		return true
	}
	now := time.Now()
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	last, ok := s.leases.seen[name]
	if !ok || last.content != content {
		s.leases.seen[name] = observation{content, now}
		return false
	}
	return now.Sub(last.since) >= deadAfter*s.leases.period
}

func (s *Local) content(name string) string {
	raw, _ := s.readFile(name) // content that cannot be read counts as unchanged
	return string(raw)
}

// beat increments the counter until the lease is released or lost. A beat that
// cannot be written does not lose the lease; another machine's epoch does.
func (l *lease) beat() {
	tick := time.NewTicker(l.store.leases.period)
	defer tick.Stop()
	for counter := 1; ; counter++ {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if !l.mine() {
			close(l.lost)
			return
		}
		if f, err := l.store.fs.OpenFile(l.name, os.O_WRONLY, 0); err == nil {
			f.WriteString(l.text(counter)) // of fixed length, so it overwrites the last one completely
			f.Close()
		}
	}
}

// mine reports whether this process still holds the lease. It does so as long as
// the folder cannot be read.
func (l *lease) mine() bool {
	epoch, _, err := l.store.newest(l.key)
	if err != nil {
		return true
	}
	text := l.store.content(l.name)
	return epoch == l.epoch && (text == "" || strings.HasPrefix(text, l.owner+" "))
}

func (l *lease) release() error {
	close(l.stop)
	l.done.Wait()
	l.store.leases.mu.Lock()
	delete(l.store.leases.held, l.key)
	l.store.leases.mu.Unlock()
	if !l.mine() {
		return nil
	}
	if err := l.store.fs.Remove(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
