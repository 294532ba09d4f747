package launch

import (
	"math"
	"slices"
	"sync"
	"time"

	"ablate/hcl/study"
	"ablate/pipeline"
)

// IdleChildren keeps children for their next action: those that supervised a user
// program, since starting a process of this size takes longer than a trivial program
// does, and those that opened a device and compiled programs for it. A child is kept
// after a success only. The zero value is ready to use; nil keeps none.
type IdleChildren struct {
	mu       sync.Mutex
	children []*child // the longest idle first
}

// holdIdle is how long a child that holds a device is kept idle. Other processes wait
// for the device meanwhile.
const holdIdle = 10 * time.Second

// child is a child process, or one to be started, with its share of the machine.
type child struct {
	environment []string
	affinity    pipeline.Affinity
	resources   study.Resources
	share       *share
	*conversation

	timer *time.Timer // of an idle child that holds a device
}

// holds reports whether the child keeps a device open, so that it keeps its share of
// the machine while it is idle.
func (c *child) holds() bool { return c.affinity.Process != "" }

// serves reports whether the child can compute what another would be started for.
func (c *child) serves(other *child) bool {
	environment := c.environment
	if c.holds() { // without its devices: they are the child's
		environment = environment[:len(environment)-len(c.share.environment())]
	}
	return c.affinity.Process == other.affinity.Process && c.resources == other.resources && slices.Equal(environment, other.environment)
}

// stop ends the child's process, if it has one, and gives its share back.
func (c *child) stop() error {
	defer c.share.release()
	if c.conversation == nil {
		return nil
	}
	return c.conversation.end()
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
	idle.affinity = c.affinity
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
	if i == nil || !canRedirect {
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

// releaseShared ends the children that hold a device of which they are not the only
// user.
func (i *IdleChildren) releaseShared() {
	i.end(func(c *child) bool { return c.holds() && !c.share.pinned }, math.MaxInt)
}

// releaseOne ends the child that has held a device idle for longest. It returns false
// if there is none.
func (i *IdleChildren) releaseOne() bool { return i.end((*child).holds, 1) > 0 }

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
