package program

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"ablate/cache/fsys"
	"ablate/hcl/diag"
	"ablate/stages/internal/tfevents"
	"ablate/stages/record"
)

// Metrics says where a program that does not know ABLATE_METRICS writes its metrics.
type Metrics struct {
	File   string `hcl:"file,optional" doc:"A file, or a glob, in the program's folder: CSV with a head line, JSON lines, or event files of TensorBoard. A folder stands for all such files in it."`
	Step   string `hcl:"step,optional" doc:"The column that holds the step. By default step, _step, global_step, iteration or epoch; without one, rows are counted."`
	Stdout string `hcl:"stdout,optional" doc:"A regular expression for lines that the program prints. Its named groups are metrics; the group step is the step."`
}

// stepGroup is the group, and the first of the columns, that holds the step.
const stepGroup = "step"

func (m *Metrics) validate() diag.List {
	at := func(name, detail string, args ...any) diag.List {
		return diag.Errorf(diag.Path{"metrics", name}, "Unusable metrics", detail, args...)
	}
	switch {
	case m.File == "" && m.Stdout == "":
		return diag.Errorf(diag.Path{"metrics"}, "Unusable metrics", "metrics needs file or stdout, which say where the program writes them.")
	case m.File != "" && !filepath.IsLocal(m.File):
		return at("file", "%q is not below the program's folder.", m.File)
	}
	if _, err := path.Match(m.File, ""); err != nil {
		return at("file", "%q is not a glob.", m.File)
	}
	pattern, err := regexp.Compile(m.Stdout)
	if err != nil {
		return at("stdout", "It is not a regular expression: %v.", err)
	}
	if m.Stdout != "" && len(groups(pattern)) == 0 {
		return at("stdout", "It names no metric. Name a group, as in \"loss: (?P<val_loss>[0-9.]+)\".")
	}
	return nil
}

// nothing is the error for a program that wrote no metrics.
func (m *Metrics) nothing(printed *Tail) error {
	var lacks []string
	end := "."
	if m.File != "" {
		lacks = append(lacks, "left no metrics in "+m.File)
	}
	if m.Stdout != "" {
		lacks = append(lacks, "printed no line that matches stdout")
		end = cmp.Or(printed.LastLines(), end) // which the pattern can be written by
	}
	return diag.Errorf(diag.Path{"metrics"}, "No metrics", "The program exited with status 0, but %s%s", strings.Join(lacks, ", and "), end).Err()
}

// groups lists the metrics that a pattern names.
func groups(pattern *regexp.Regexp) []string {
	return slices.DeleteFunc(slices.Clone(pattern.SubexpNames()), func(name string) bool { return name == "" || name == stepGroup })
}

// printedMetrics returns the reader of metrics in the program's output, nil without one.
func (p *call) printedMetrics() *printedMetrics {
	if p.spec.Metrics == nil || p.spec.Metrics.Stdout == "" {
		return nil
	}
	return &printedMetrics{pattern: regexp.MustCompile(p.spec.Metrics.Stdout), path: p.dir.path(convertedFile), resumed: p.resumed}
}

// printedMetrics appends rows to a file for each line that matches and has numbers.
type printedMetrics struct {
	pattern *regexp.Regexp
	path    string
	file    *os.File // opened for the first row
	line    []byte
	count   int
	resumed bool                  // the program began at a checkpoint
	counted atomic.Bool           // a row had no step
	lost    atomic.Pointer[error] // why a row was not written; read while the program runs
}

// Write implements io.Writer. It never fails, so that the rest of the output is kept;
// failed returns the error of a row that was not written.
// A carriage return ends a line, too: progress bars write them.
func (m *printedMetrics) Write(b []byte) (int, error) {
	if m == nil {
		return len(b), nil
	}
	for _, c := range b {
		if c != '\n' && c != '\r' {
			if len(m.line) < record.MaxLine {
				m.line = append(m.line, c)
			}
			continue
		}
		if rows := m.rows(m.line); len(rows) > 0 && m.failed() == nil {
			if m.counted.Load() && m.resumed {
				m.lose(errPrintedUncounted)
			} else {
				m.note(m.append(rows))
			}
		}
		m.line = m.line[:0]
	}
	return len(b), nil
}

func (m *printedMetrics) append(rows []foreignRow) (err error) {
	if m.file == nil {
		if m.file, err = os.OpenFile(m.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return err
		}
	}
	return appendRows(m.file, rows)
}

func (m *printedMetrics) note(err error) {
	if err != nil {
		m.lose(fmt.Errorf("writing a metric that the program printed to a temporary file (TMPDIR sets its folder): %w", err))
	}
}

func (m *printedMetrics) lose(err error) { m.lost.CompareAndSwap(nil, &err) }

// failed returns the error of the first row that was not written.
func (m *printedMetrics) failed() error {
	if m == nil {
		return nil
	}
	if err := m.lost.Load(); err != nil {
		return *err
	}
	return nil
}

// end closes the file. If the program ended by itself, it first ends its last line.
func (m *printedMetrics) end(byItself bool) error {
	if m == nil {
		return nil
	}
	if byItself && len(m.line) > 0 {
		m.Write([]byte("\n"))
	}
	if m.file != nil {
		m.note(m.file.Close())
	}
	return m.failed()
}

func (m *printedMetrics) rows(line []byte) (out []foreignRow) {
	found := m.pattern.FindSubmatch(line)
	if found == nil {
		return nil
	}
	step, counted := strconv.Itoa(m.count+1), true
	if i := m.pattern.SubexpIndex(stepGroup); i >= 0 && len(found[i]) > 0 {
		step, counted = string(found[i]), false
	}
	for _, name := range groups(m.pattern) {
		if value := string(found[m.pattern.SubexpIndex(name)]); number(value) {
			out = append(out, foreignRow{step, name, value})
		}
	}
	if len(out) > 0 {
		m.count++
		m.counted.Store(m.counted.Load() || counted)
	}
	return out
}

// foreignRow is a row before its numbers are read.
type foreignRow struct{ step, name, value string }

func appendRows(to io.Writer, rows []foreignRow) error {
	w := bufio.NewWriter(to)
	for _, r := range rows {
		if err := record.Log(w, r.step, r.name, r.value); err != nil {
			return err
		}
	}
	return w.Flush()
}

// convert copies the rows of the program's files to the rows of earlier calls. While the
// program runs, the last line of a file may be incomplete and is left out.
func (p *call) convert(running bool) (err error) {
	m := p.spec.Metrics
	if m == nil || m.File == "" {
		return nil
	}
	names, err := m.files(p.dir)
	if err != nil || len(names) == 0 {
		return err
	}
	var all []fileRows
	for _, name := range names {
		f, err := m.read(p, name, running)
		if err != nil {
			return unreadableMetrics(name, err)
		}
		f.old = p.isOld(name)
		all = append(all, f)
	}
	kept, ambiguous := merge(all)
	if len(ambiguous) > 0 && !running {
		p.env.Warn(ambiguousMetrics(ambiguous))
	}
	if err := p.dropResumed(all); err != nil {
		return err
	}
	to, err := os.OpenFile(p.dir.path(copiedFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := to.Truncate(p.copied); err != nil {
		return err
	}
	p.watchers[copiedAt] = watcher{} // lines that it read may be elsewhere now
	for _, f := range kept {
		if err := appendRows(to, f.rows); err != nil {
			return fmt.Errorf("copying the metrics in %s to a temporary file (TMPDIR sets its folder): %w", f.name, err)
		}
	}
	return nil
}

// files lists the files that m.File names, by their path in the program's folder.
func (m *Metrics) files(dir Scratch) (out []string, err error) {
	found, err := fs.Glob(os.DirFS(dir.Dir), path.Clean(m.File)) // the folder's own name may have wildcards
	if err != nil {
		return nil, err
	}
	for _, top := range found {
		top = dir.path(filepath.FromSlash(top))
		err := filepath.WalkDir(top, func(name string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || name != top && !isMetricsName(d.Name()) {
				return err
			}
			rel, err := filepath.Rel(dir.Dir, name)
			if !slices.Contains(dir.rowFiles(), rel) {
				out = append(out, rel)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// matches reports whether m.File names a file, by its path in the program's folder.
func (m *Metrics) matches(name string) bool {
	if m == nil || m.File == "" {
		return false
	}
	pattern := path.Clean(filepath.ToSlash(m.File))
	found, _ := path.Match(pattern, name)
	for dir := name; !found && dir != "." && isMetricsName(name); {
		dir = path.Dir(dir)
		found, _ = path.Match(pattern, dir)
	}
	return found
}

func isMetricsName(name string) bool {
	return tfevents.IsName(name) || slices.Contains([]string{".csv", ".tsv", ".jsonl"}, filepath.Ext(name))
}

func (m *Metrics) read(p *call, name string, running bool) (fileRows, error) {
	f, err := fsys.OpenRegular(p.dir.path(name))
	if err != nil {
		return fileRows{}, err
	}
	defer f.Close()
	from := io.Reader(f)
	if running && !tfevents.IsName(name) {
		info, err := f.Stat()
		if err != nil {
			return fileRows{}, err
		}
		whole, err := completeLines(f, info.Size())
		if err != nil {
			return fileRows{}, err
		}
		from = io.LimitReader(f, whole)
	}
	rows, facts, err := m.readFrom(from, name)
	if facts.truncated && !running {
		p.env.Warn(fmt.Sprintf("%s ends inside of a record, which was not read", name))
	}
	p.counted = p.counted || facts.counted
	if err == nil && facts.counted && p.resumed {
		err = errUncounted
	}
	return fileRows{name: name, rows: rows, resumed: facts.resumed}, err
}

// A program that resumes repeats what it did since its checkpoint. How many rows that
// were is not known, since rows and checkpoint are not written at once. Rows with a step
// replace those of the same step.
var (
	errUncounted        = errors.New("its rows have no step, and the program resumed from a checkpoint, so that they cannot be counted. Write a column step")
	errPrintedUncounted = diag.Errorf(diag.Path{"metrics", "stdout"}, "Rows without a step",
		"The program resumed from a checkpoint, and a row that it printed has no step, so that rows cannot be counted. Print the step, and add a group to the pattern: (?P<step>[0-9]+).").Err()
)

// cannotResume warns when a checkpoint is kept, not only when it is too late.
const cannotResume = "rows of metrics have no step, so the trial fails if it has to resume from a checkpoint: write a step with each row"

// refuseUncounted looks at the first line of the files of a program that resumed, so that
// one without a step is refused before the program ends.
func (p *call) refuseUncounted() error {
	m := p.spec.Metrics
	if m == nil || m.File == "" || !p.resumed || p.stepsKnown {
		return nil
	}
	names, _ := m.files(p.dir) // what is wrong with them is reported at the end
	for _, name := range names {
		line, ok := p.dir.firstLine(name)
		if !ok || tfevents.IsName(name) {
			continue
		}
		p.stepsKnown = true
		if _, facts, err := m.readFrom(strings.NewReader(line), name); err == nil && facts.counted {
			return unreadableMetrics(name, errUncounted)
		}
	}
	return nil
}

// firstLine returns the first line of a file in the program's folder, once it is whole.
func (s Scratch) firstLine(name string) (line string, ok bool) {
	f, err := fsys.OpenRegular(s.path(name))
	if err != nil {
		return "", false
	}
	defer f.Close()
	line, err = bufio.NewReader(io.LimitReader(f, record.MaxLine)).ReadString('\n')
	return line, err == nil
}

func unreadableMetrics(name string, err error) error {
	return diag.Errorf(diag.Path{"metrics"}, "Unreadable metrics", "The metrics in %s cannot be read: %v.", name, err).Err()
}

// fileFacts are what is particular about a file.
type fileFacts struct {
	truncated bool   // it ends inside of a record
	counted   bool   // rows without a step were counted
	resumed   *int64 // the first step at which a program resumed: earlier rows from there on do not count
}

// byteOrderMark begins the text files of some programs.
const byteOrderMark = "\ufeff"

// readFrom reads the rows of a file of that name.
func (m *Metrics) readFrom(f io.Reader, name string) (rows []foreignRow, facts fileFacts, err error) {
	if tfevents.IsName(name) {
		facts.truncated, err = tfevents.Read(f, func(v tfevents.Value) error {
			if v.Resumed {
				rows = before(rows, v.Step)
				facts.resumed = earliest(facts.resumed, &v.Step)
			} else if v.Number != "" {
				rows = append(rows, foreignRow{strconv.FormatInt(v.Step, 10), v.Tag, v.Number})
			}
			return nil
		})
		return rows, facts, err
	}
	in := bufio.NewReader(f)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		in.Discard(len(byteOrderMark))
	}
	head, _ := in.Peek(64)
	if bytes.IndexByte(head, 0) >= 0 {
		return nil, facts, errors.New("it is neither text in UTF-8 nor an event file by its name")
	}
	if bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) {
		rows, facts.counted, err = m.readJSON(in)
	} else {
		rows, facts.counted, err = m.readCSV(in)
	}
	return rows, facts, err
}

// stepColumns are the columns that hold the step, in order of precedence.
var stepColumns = []string{stepGroup, "_step", "global_step", "iteration", "epoch"}

// stepOf returns the column that holds the step, "" for none.
func (m *Metrics) stepOf(columns []string) (string, error) {
	if m.Step != "" {
		if !slices.Contains(columns, m.Step) {
			return "", fmt.Errorf("there is no column %q", m.Step)
		}
		return m.Step, nil
	}
	for _, name := range stepColumns {
		if slices.Contains(columns, name) {
			return name, nil
		}
	}
	return "", nil
}

// number reports whether a text is the value of a metric. An empty one was not
// measured at this step, and other words are no numbers; NaN is one.
func number(text string) bool {
	_, err := record.Number(text)
	return err == nil && text != ""
}
