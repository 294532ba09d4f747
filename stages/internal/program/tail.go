package program

import (
	"strings"
	"sync"
)

// Tail keeps the end of what a program printed.
type Tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (t *Tail) Write(b []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b[max(0, len(b)-most):]...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	return len(b), nil
}

// LastLines formats the end of the output for the end of a message.
func (t *Tail) LastLines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return lastLines(string(t.kept))
}

// lastLines formats the end of a program's output for the end of a message. Of a
// line that a progress bar overwrote, only the last state is shown; control
// characters are replaced.
func lastLines(text string) string {
	const most = 8
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = strings.Map(printable, line[strings.LastIndexByte(line, '\r')+1:])
	}
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return ". Its last output:\n\n    " + strings.Join(lines[max(0, len(lines)-most):], "\n    ")
}
