package program

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

const (
	afterEnd   = time.Second // for another line after the program's end
	mostInPipe = 1 << 20     // bytes; Linux gives no user a larger pipe
)

// output reads what a program prints. A process out of our reach may hold the pipe when
// the program has ended: then it ends where nothing is in the pipe any more, or after
// more than the program can have left in it. Our own delays lose nothing.
type output struct {
	pipe  *os.File
	ended atomic.Bool
	asked atomic.Pointer[chan struct{}] // closed when drain may return
	done  chan struct{}                 // closed by who reads, at the end

	// Owned by Read.
	read  int            // since the end
	noted *chan struct{} // what was asked
	since int            // bytes read since
}

// Read implements io.Reader. Who calls it again is done with what it returned before.
func (o *output) Read(b []byte) (int, error) {
	for !o.ended.Load() {
		n, err := o.next(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		o.pipe.SetReadDeadline(time.Time{}) // drain interrupted it
	}
	if o.read == mostInPipe {
		return 0, io.EOF
	}
	o.wait()
	n, err := o.pipe.Read(b[:min(len(b), mostInPipe-o.read)])
	o.read += n
	return n, err
}

// drain waits until all that was printed before is read and dealt with. It reports false
// if that takes too long.
func (o *output) drain(longest time.Duration) bool {
	if !canDrain {
		return true
	}
	drained := make(chan struct{})
	o.asked.Store(&drained)
	o.pipe.SetReadDeadline(time.Unix(1, 0)) // so that Read looks at what is asked
	select {
	case <-drained:
	case <-o.done:
	case <-time.After(longest):
		return false
	}
	return true
}

// end notes that the program has ended, and wakes a waiting Read in time.
func (o *output) end() {
	o.ended.Store(true)
	o.wait()
}

func (o *output) wait() {
	if o.pipe.SetReadDeadline(time.Now().Add(afterEnd)) != nil { // Windows' pipes have none
		time.AfterFunc(afterEnd, func() { o.pipe.Close() })
	}
}
