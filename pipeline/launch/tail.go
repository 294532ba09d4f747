package launch

import (
	"bytes"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"time"
)

// tailWriter writes what a child logs to the log of its action, which changes, and
// keeps the end for a message.
//
// A log arrives through another pipe than the answer, which may overtake it. So the
// child ends the log of each action with a text that the request contains.
type tailWriter struct {
	mu   sync.Mutex
	to   *os.File
	kept []byte

	end   []byte        // the text after the action's log; empty if the child ends with the action
	begun []byte        // a beginning of it that has arrived
	ended chan struct{} // closed when all of it has arrived
}

// logEndWait is how long the rest of a log may take to arrive after the answer.
const logEndWait = 5 * time.Second

// newLogEnd returns a text that no log contains. Its first byte is one that logs
// rarely contain, so that lines are written as they arrive.
func newLogEnd() string { return "\x00end of the log " + rand.Text() + "\n" }

// follow changes to the log of another action, which ends with the text end.
func (t *tailWriter) follow(path, end string) error {
	log, err := openLog(path, true)
	if err != nil {
		return err
	}
	t.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to, t.kept = log, nil
	t.end, t.ended = []byte(end), make(chan struct{})
	return nil
}

// complete reports whether all of the action's log has been written. It waits for the
// rest. A log that the process writes itself is complete.
func (t *tailWriter) complete() bool {
	if t == nil {
		return true
	}
	late := time.NewTimer(logEndWait)
	defer late.Stop()
	select {
	case <-t.ended:
		return true
	case <-late.C:
		return false
	}
}

// Write implements io.Writer.
func (t *tailWriter) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := append(t.begun, p...)
	t.begun = nil
	if len(t.end) > 0 {
		before, after, found := bytes.Cut(text, t.end)
		if found {
			t.write(before)
			text, t.end = after, nil
			close(t.ended)
		} else {
			n := overlap(text, t.end)
			text, t.begun = text[:len(text)-n], bytes.Clone(text[len(text)-n:])
		}
	}
	t.write(text)
	return len(p), nil
}

// overlap returns the length of the longest beginning of end that ends text.
func overlap(text, end []byte) int {
	n := min(len(text), len(end))
	for !bytes.HasSuffix(text, end[:n]) {
		n--
	}
	return n
}

// write writes to the log. Called with mu held.
func (t *tailWriter) write(p []byte) {
	const most = 400
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	if t.to != nil {
		t.to.Write(p) // a log that cannot be written ends no trial
	}
}

func (t *tailWriter) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(t.begun)
	t.begun = nil
	if t.to != nil {
		t.to.Close()
		t.to = nil
	}
}

func (t *tailWriter) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
