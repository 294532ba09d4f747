package program

import (
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
	read  int // since the end
}

// Read implements io.Reader.
func (o *output) Read(b []byte) (int, error) {
	if !o.ended.Load() {
		return o.pipe.Read(b)
	}
	if o.read == mostInPipe {
		return 0, io.EOF
	}
	o.wait()
	n, err := o.pipe.Read(b[:min(len(b), mostInPipe-o.read)])
	o.read += n
	return n, err
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
