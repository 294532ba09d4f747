//go:build unix

package program

import (
	"errors"
	"io"
	"syscall"
)

const canDrain = true

// next waits for output. If the pipe is empty, all output before was dealt with; so it
// was after more bytes than a pipe holds, if the program never pauses.
func (o *output) next(b []byte) (n int, err error) {
	conn, err := o.pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := conn.Read(func(fd uintptr) bool {
		asked := o.asked.Load() // before the read, which must be later than the question
		if asked != o.noted {
			o.noted, o.since = asked, 0
		}
		n, err = syscall.Read(int(fd), b)
		empty := errors.Is(err, syscall.EAGAIN)
		if asked != nil && (empty || o.since > mostInPipe) && o.asked.CompareAndSwap(asked, nil) {
			close(*asked)
		}
		n = max(n, 0)
		o.since += n
		return !empty && !errors.Is(err, syscall.EINTR)
	})
	switch {
	case failed != nil:
		return 0, failed
	case n == 0 && err == nil:
		return 0, io.EOF
	}
	return n, err
}
