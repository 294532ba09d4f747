package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

// A lease says that some process computes a key. On one machine the kernel's
// lock on locks/KEY decides, which ends with its process. Other machines that
// share the folder may not see that lock, so the holder also keeps a file
// leases/KEY.EPOCH: its owner, and a counter that it moves on once a period.
// Whoever saw that file stand still for three periods of its own monotonic
// clock takes the next epoch, by link(2), of which one succeeds. A holder that
// sees a higher epoch, or its own file gone, has lost the lease.
//
// Leases only save work. Where two hold one all the same, the first to publish
// wins, as ever.

// leasePeriod is how often a holder moves its counter on. Tests shorten it.
const leasePeriod = 5 * time.Second

// stillFor is how many periods a counter stands still before its holder counts
// as dead.
const stillFor = 3

// leases is what this process holds and sees of leases.
type leases struct {
	host   string
	period time.Duration

	mu   sync.Mutex
	held map[Key]*lease
	seen map[string]sighting // by name of the file
}

// sighting is since when a lease of another has not changed.
type sighting struct {
	content string
	since   time.Time // monotonic: clocks that are set matter to nobody
}

func newLeases() leases {
	return leases{
		host: machine(), period: leasePeriod,
		held: make(map[Key]*lease), seen: make(map[string]sighting),
	}
}

// machine names the running system, for as long as it runs.
func machine() string {
	name, _ := os.Hostname() // none is a name, too
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.Join(strings.Fields(name+" "+string(boot)), "/")
}

// TryLock takes a key for this process; ok is false while another has it.
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
// locked, believing it dead. It is nil for a key that is not locked.
func (s *Local) Lost(k Key) <-chan struct{} {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if l := s.leases.held[k]; l != nil {
		return l.lost
	}
	return nil
}

// Locked reports whether some process seems to be computing the key.
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
	return !local || !strings.HasPrefix(s.content(name), s.leases.host+"#") // else its process is dead
}

// lock takes the kernel's lock on a file; local is false where the file system
// has none, and the lock excludes nobody.
func (s *Local) lock(name string) (release func() error, ok, local bool, err error) {
	release, ok, err = s.fs.TryLock(name)
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

// take takes the lease of a key, or returns nil while another holds it. Under
// the machine's own lock, a lease of this machine is that of a dead process.
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
			return nil, nil // somebody else was faster
		}
		return nil, err
	}
	for e := epoch; e > 0; e-- {
		s.fs.Remove(s.path("leases", fmt.Sprintf("%s.%d", k, e))) // of the dead
	}
	s.leases.mu.Lock()
	delete(s.leases.seen, name)
	s.leases.held[k] = l
	s.leases.mu.Unlock()
	l.done.Go(l.beat)
	return l, nil
}

func (s *Local) createLease(l *lease) error {
	if err := s.fs.MkdirAll(s.path("leases"), 0o755); err != nil {
		return err
	}
	tmp, err := afero.TempFile(s.fs, s.path("tmp"), "lease-*")
	if err != nil {
		return err
	}
	defer s.fs.Remove(tmp.Name())
	_, err = tmp.WriteString(l.text(0))
	if err := errors.Join(err, tmp.Close(), s.fs.Chmod(tmp.Name(), 0o644)); err != nil {
		return err
	}
	return s.fs.Link(tmp.Name(), l.name)
}

func (l *lease) text(counter int) string { return fmt.Sprintf("%s %012d\n", l.owner, counter) }

// newest finds the highest epoch of a key; 0 where nobody has a lease.
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

// dead reports whether the holder of a lease is gone: at once where this
// machine knows, after three still periods otherwise.
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
		s.leases.seen[name] = sighting{content, now}
		return false
	}
	return now.Sub(last.since) >= stillFor*s.leases.period
}

func (s *Local) content(name string) string {
	raw, _ := s.readFile(name, maxDocument) // unreadable content stands still
	return string(raw)
}

// beat moves the counter on until the lease is released or lost. A beat that
// cannot be written is no loss: another machine's epoch is.
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
			f.WriteString(l.text(counter)) // of one length, so that nothing of the last one stays
			f.Close()
		}
	}
}

// mine reports whether the lease is still this process's. A folder that cannot
// be read at the moment says nothing to the contrary.
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
