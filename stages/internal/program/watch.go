package program

import (
	"bytes"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"

	"ablate/pipeline"
)

// watcher reads what a program has logged since the last look.
type watcher struct {
	offset int64
	step   int
}

// report tells of the newest values.
func (w *watcher) report(p *process) {
	f, err := os.Open(p.dir.path(metricsFile))
	if err != nil {
		return // nothing logged yet
	}
	defer f.Close()
	raw, err := io.ReadAll(io.NewSectionReader(f, w.offset, math.MaxInt64-w.offset))
	whole := bytes.LastIndexByte(raw, '\n') + 1
	if err != nil || whole == 0 {
		return
	}
	w.offset += int64(whole)
	metrics := make(map[string]float64)
	for _, line := range bytes.Split(raw[:whole], []byte("\n")) {
		r, err := parseRow(line) // what cannot be read is told of at the end
		if err == nil && !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) {
			w.step, metrics[r.Name] = r.Step, r.Value
		}
	}
	steps, _ := strconv.Atoi(p.spec.Parameters["steps"].Text) // 0 when it is not said
	p.env.Progress(pipeline.Progress{Step: w.step, Steps: max(steps, w.step), Metrics: metrics})
}

// tail remembers the end of what a program printed.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	return len(b), nil
}

// end is what it said last, for the end of a message.
func (t *tail) end() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return LastLines(string(t.kept))
}

// LastLines is the end of what a program said, as the end of a message: what
// cannot be printed is dotted out.
func LastLines(text string) string {
	const most = 8
	clean := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\uFFFD' || r == 0x7f {
			return '·'
		}
		return r
	}, strings.TrimSpace(text))
	if clean == "" {
		return ""
	}
	lines := strings.Split(clean, "\n")
	return ". It said:\n\n    " + strings.Join(lines[max(0, len(lines)-most):], "\n    ")
}
