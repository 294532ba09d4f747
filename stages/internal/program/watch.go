package program

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"ablate/cache/fsys"
	"ablate/pipeline"
	"ablate/stages/record"
)

// watcher follows a file of metrics while the program runs.
type watcher struct {
	offset int64 // of the first byte that was not read yet
	line   int   // lines read so far
	step   int
	lines  *bufio.Reader
}

// maxShown is how many metrics one progress report names.
const maxShown = 64

// report reports what was logged since the last call. The error is a line that cannot
// be used: the run would fail for it in the end.
func (p *call) report() error {
	var err error
	for i, name := range p.dir.rowFiles() {
		err = cmp.Or(err, p.watchers[i].report(p, name))
	}
	return err
}

// report reads the lines of a file that were completed since the last call and reports
// the newest values.
func (w *watcher) report(p *call, name string) error {
	f, err := fsys.OpenRegular(p.dir.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return badMetrics(err)
	}
	defer f.Close()
	newest, err := w.read(f)
	if len(newest) > 0 {
		steps, _ := strconv.Atoi(p.spec.Parameters["steps"].Text) // 0 when there is no such parameter
		p.env.Progress(pipeline.Progress{Step: w.step, Steps: max(steps, w.step), Metrics: newest})
	}
	return err
}

// read reads complete lines from where the last call ended. A file that became
// shorter is read anew: the program began it again.
func (w *watcher) read(f *os.File) (newest map[string]float64, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == w.offset {
		return nil, err
	}
	if info.Size() < w.offset {
		w.offset, w.line = 0, 0
	}
	if _, err := f.Seek(w.offset, io.SeekStart); err != nil {
		return nil, err
	}
	if w.lines == nil {
		w.lines = bufio.NewReaderSize(nil, record.MaxLine)
	}
	w.lines.Reset(f)
	newest = make(map[string]float64)
	for {
		line, err := w.lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return newest, badMetrics(fmt.Errorf("line %d is longer than %d bytes", w.line+1, record.MaxLine))
		}
		if err != nil {
			return newest, nil // the rest of this line is still to be written
		}
		w.offset, w.line = w.offset+int64(len(line)), w.line+1
		if err := w.take(line, newest); err != nil {
			return newest, err
		}
	}
}

// take notes the value of one line.
func (w *watcher) take(line []byte, newest map[string]float64) error {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\uFEFF")))
	if len(line) == 0 {
		return nil
	}
	r, err := record.Parse(line)
	if err != nil {
		return badRow(w.line, line, err)
	}
	w.step = r.Step
	if _, known := newest[r.Name]; r.Finite() && (known || len(newest) < maxShown) {
		newest[r.Name] = r.Value
	}
	return nil
}
