package train

import "sync"

// feed prepares the batch of the next step while a step runs.
type feed struct {
	fill      func(dst []int32, step int) error
	now, next []int32
	ahead     int            // the step whose batch next holds
	failed    error          // of filling next
	making    sync.WaitGroup // owns next and failed
}

func newFeed(tokens int, fill func(dst []int32, step int) error) *feed {
	return &feed{fill: fill, now: make([]int32, tokens), next: make([]int32, tokens), ahead: -1}
}

// batch returns the tokens of a step. They are valid until the next call.
func (f *feed) batch(step int) ([]int32, error) {
	f.making.Wait()
	if f.ahead != step { // the first step, or one after a jump to another state
		f.failed = f.fill(f.next, step)
	}
	if f.failed != nil {
		return nil, f.failed
	}
	f.now, f.next, f.ahead = f.next, f.now, step+1
	f.making.Go(func() { f.failed = f.fill(f.next, f.ahead) })
	return f.now, nil
}

// wait returns when the feed no longer reads the text.
func (f *feed) wait() { f.making.Wait() }
