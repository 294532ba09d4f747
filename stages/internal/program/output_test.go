package program

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// slowWriter takes its time.
type slowWriter struct{ bytes.Buffer }

func (w *slowWriter) Write(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return w.Buffer.Write(b)
}

func passOn(pipe *os.File, to io.Writer) *output {
	o := &output{pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		io.Copy(to, o)
	}()
	return o
}

// What was printed before drain is passed on when it returns, also by a program that
// never pauses.
func TestDrain(t *testing.T) {
	if !canDrain {
		t.Skip("this system has no read that does not wait")
	}
	pipe, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var to slowWriter
	o := passOn(pipe, &to)
	for i, line := range []string{strings.Repeat("x", 40<<10), "y", ""} {
		if _, err := write.WriteString(line + "\n"); err != nil {
			t.Fatal(err)
		}
		if !o.drain(time.Minute) || !strings.HasSuffix(to.String(), line+"\n") { // pass waits for more
			t.Fatalf("line %d is not passed on", i)
		}
	}
	o.drain(0) // given up
	write.Close()
	<-o.done
	if !o.drain(time.Minute) {
		t.Error("an output that ended is not drained")
	}

	pipe, write, err = os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for line := bytes.Repeat([]byte("x"), 4<<10); err == nil; {
			_, err = write.Write(line)
		}
	}()
	o = passOn(pipe, io.Discard)
	if !o.drain(time.Minute) {
		t.Error("the output of a program that never pauses is not drained")
	}
	pipe.Close()
	<-o.done
	<-stopped
	write.Close()
}
