package launch

import (
	"math"
	"slices"
	"sync"
	"time"

	"ablate/pipeline/action"
)

// IdleChildren keeps children for their next action: those that supervised a user
// program, since starting a process of this size takes longer than a trivial program
// does, and those that opened a device and compiled programs for it. A child is kept
// after a success only. An IdleChildren belongs to one launcher. The zero value is ready
// to use; nil keeps none.
type IdleChildren struct {
	mu       sync.Mutex
	children []*child // the longest idle first
}

// holdIdle is how long a child that holds a device is kept idle. Other processes wait
// for the device meanwhile.
const holdIdle = 10 * time.Second

// child returns an idle child that can compute the request, or else c, which is to be
// started. One that holds a device has its share of the machine; the others get one.
func (i *IdleChildren) child(c *child, req action.Request, get func() (*share, error)) (*child, error) {
	if c.holds() {
		if idle := i.take(c); idle != nil {
			return idle, nil
		}
	}
	got, err := get()
	if err != nil {
		return nil, err
	}
	c.share, c.environment = got, append(c.environment, got.environment()...)
	if !c.holds() && req.Reusable {
		if idle := i.take(c); idle != nil {
			idle.share = got
			return idle, nil
		}
	}
	return c, nil
}

// take removes and returns an idle child that can compute what c would be started
// for: one that has prepared the same, or else the one that was last used.
func (i *IdleChildren) take(c *child) *child {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	best := -1
	for at, idle := range i.children {
		if idle.serves(c) && (best < 0 || idle.affinity.Work == c.affinity.Work || i.children[best].affinity.Work != c.affinity.Work) {
			best = at
		}
	}
	if best < 0 {
		return nil
	}
	idle := i.remove(best)
	idle.affinity, idle.command = c.affinity, c.command
	return idle
}

// remove removes the child at an index. Called with mu held.
func (i *IdleChildren) remove(at int) *child {
	idle := i.children[at]
	i.children = slices.Delete(i.children, at, at+1)
	if idle.timer != nil {
		idle.timer.Stop()
	}
	return idle
}

// keep keeps a child after a success, and reports whether it does.
func (i *IdleChildren) keep(c *child) bool {
	if i == nil || !c.canFollow() {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if c.holds() {
		c.timer = time.AfterFunc(holdIdle, func() { i.end(func(other *child) bool { return other == c }, 1) })
	} else {
		c.share.release()
		c.share = nil
	}
	i.children = append(i.children, c)
	return true
}

// releaseShared ends the children that hold a device of a host of which they are not
// the only user. "" is this machine.
func (i *IdleChildren) releaseShared(host string) {
	i.end(func(c *child) bool { return c.holds() && !c.share.pinned && c.share.host == host }, math.MaxInt)
}

// releaseHeld ends the children that hold a device.
func (i *IdleChildren) releaseHeld() { i.end((*child).holds, math.MaxInt) }

// releaseOne ends the child that has held a device of one of the hosts idle for longest.
// It returns false if there is none.
func (i *IdleChildren) releaseOne(hosts ...string) bool {
	return i.end(func(c *child) bool { return c.holds() && slices.Contains(hosts, c.share.host) }, 1) > 0
}

// end ends up to most children for which ends returns true, and returns their number.
func (i *IdleChildren) end(ends func(*child) bool, most int) int {
	if i == nil {
		return 0
	}
	var ended []*child
	i.mu.Lock()
	for len(ended) < most {
		at := slices.IndexFunc(i.children, ends)
		if at < 0 {
			break
		}
		ended = append(ended, i.remove(at))
	}
	i.mu.Unlock()
	var stopping sync.WaitGroup
	for _, c := range ended {
		stopping.Go(func() { c.stop() }) // it has done its work, however it ends
	}
	stopping.Wait()
	return len(ended)
}

// Close ends the children.
func (i *IdleChildren) Close() {
	i.end(func(*child) bool { return true }, math.MaxInt)
}
