package program

import (
	"fmt"
	"io"
	"os"
)

const (
	maxLog  = 8 << 20  // bytes of a log up to which output goes to it as it comes
	logTail = 64 << 10 // bytes of the end of the output that are added then
)

// logWriter passes on the beginning of a program's output, and its end. It never
// fails: a program must not stop because its log has no reader any more.
type logWriter struct {
	to      io.Writer
	written int64
	skipped int64
	end     []byte
}

func newLogWriter(log *os.File) *logWriter {
	l := &logWriter{to: log}
	if info, err := log.Stat(); err == nil && info.Mode().IsRegular() { // earlier calls of the program wrote to it
		l.written = info.Size()
	}
	return l
}

// Write implements io.Writer.
func (l *logWriter) Write(b []byte) (int, error) {
	n := len(b)
	if room := maxLog - l.written; room > 0 {
		now := b[:min(int64(len(b)), room)]
		l.to.Write(now)
		l.written += int64(len(now))
		b = b[len(now):]
	}
	l.skipped += int64(len(b))
	l.end = append(l.end, b[max(0, len(b)-logTail):]...)
	l.end = l.end[max(0, len(l.end)-logTail):]
	return n, nil
}

// close writes the end of an output that was cut.
func (l *logWriter) close() {
	if l.skipped > int64(len(l.end)) {
		fmt.Fprintf(l.to, "\n[%d bytes of output are not in this log]\n", l.skipped-int64(len(l.end)))
	}
	l.to.Write(l.end)
}
