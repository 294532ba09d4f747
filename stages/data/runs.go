package data

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/stages/record"
)

// maxRuns bounds what a small file can expand to: columns of equal values take
// next to nothing in Parquet.
const maxRuns = 20_000_000

// runReader turns rows of tables into runs. It collects what is wrong with them.
type runReader struct {
	spec      *Results
	numbered  bool
	wanted    []string // columns: factors, responses, then the replicate and the outcome
	write     func(record.Run) error
	curvesTo  io.Writer // nil for none
	histories *histories

	runs      int
	written   int
	curved    map[string]int      // curves by response
	ended     map[string]int      // runs without a result, by what the files say
	left      int                 // runs that where leaves out
	found     map[string][]string // by column of where, some of its values
	lacking   string              // the columns of the first row that lacks one of where
	ending    bool                // a row has the column outcome
	endless   string              // the columns of the first row that lacks it
	empty     map[string]int      // rows without a value, by response
	seen      map[[16]byte]int32
	places    []string // of the runs, where they are not rows
	truncated []string // event files that end inside of a record
	notes     []string // further warnings
	types     []spellings
	mistakes  mistakes
}

func newRunReader(r *Results, numbered bool, write func(record.Run) error) *runReader {
	x := &runReader{spec: r, numbered: numbered, write: write, empty: make(map[string]int), seen: make(map[[16]byte]int32),
		ended: make(map[string]int), curved: make(map[string]int), found: make(map[string][]string), types: make([]spellings, len(r.Factors))}
	x.histories = newHistories(x)
	for _, name := range slices.Concat(r.Factors, r.Responses) {
		x.wanted = append(x.wanted, r.called(name))
	}
	x.wanted = append(x.wanted, r.called(r.Replicate), r.Outcome)
	x.wanted = append(x.wanted, sortedKeys(r.Where)...)
	return x
}

// The cells of a row are the factors, the responses, the replicate, the outcome, and then
// the columns of where.
func (x *runReader) responseAt(i int) int { return len(x.spec.Factors) + i }
func (x *runReader) replicateAt() int     { return x.responseAt(len(x.spec.Responses)) }
func (x *runReader) outcomeAt() int       { return x.replicateAt() + 1 }
func (x *runReader) whereAt() int         { return x.outcomeAt() + 1 }

// add reads one row, of which where says the place, and writes it with its curves.
func (x *runReader) add(where string, row tableRow, curves []record.Curve) error {
	x.runs++
	if x.runs > maxRuns {
		return fmt.Errorf("it has more than %d rows, which is the limit of a table", maxRuns)
	}
	if row.broken != "" {
		x.mistakes.add(where, row.broken)
		return nil
	}
	if ending := row.cells[x.outcomeAt()]; ending.kind != absent {
		x.ending = true
	} else if x.endless == "" {
		x.endless = columnList(row)
	}
	if matches, _ := x.matches(row); !matches {
		x.left++
		return nil
	}
	run, wrong := x.run(row)
	if run.Outcome == record.OutcomeFailed && len(wrong) > 0 {
		return nil // it may have ended before it recorded its parameters
	}
	if len(wrong) == 0 && run.Outcome != record.OutcomeFailed { // another run may repeat a failed one
		if first, twice := x.duplicate(run); twice {
			wrong = append(wrong, fmt.Sprintf("it has the same factors and %s as %s: %s",
				x.spec.Replicate, x.place(first), strings.Join(append(run.Levels, run.Replicate), ", ")))
		}
	}
	for _, w := range wrong {
		x.mistakes.add(where, w)
	}
	if x.mistakes.rows > 0 {
		return nil // nothing is published, but the other mistakes are collected
	}
	x.written++
	if err := x.write(run); err != nil || run.Outcome == record.OutcomeFailed {
		return err
	}
	return x.writeCurves(curves)
}

// place names a run by its number.
func (x *runReader) place(n int32) string {
	if int(n) <= len(x.places) && x.places[n-1] != "" {
		return x.places[n-1]
	}
	return fmt.Sprintf("row %d of the source", n)
}

// matches reports whether a row has the values of where. A row without one of the
// columns has not, as a run without a tag that others have; certain is false then.
func (x *runReader) matches(row tableRow) (matches, certain bool) {
	first := x.whereAt()
	matches, certain = true, true
	for i, name := range x.wanted[first:] {
		c := row.cells[first+i]
		if c.kind == absent {
			matches, certain = false, false
			if x.lacking == "" {
				x.lacking = columnList(row)
			}
			continue
		}
		text, err := c.level()
		if err != nil {
			text = c.text
		}
		if known := x.found[name]; len(known) < maxReported && !slices.Contains(known, text) {
			x.found[name] = append(known, text)
		}
		matches = matches && err == nil && text == x.spec.Where[name].Text
	}
	return matches, certain
}

// nothingMatches is the error for tables of which where leaves out everything.
func (x *runReader) nothingMatches(n int, of string) error {
	detail := fmt.Sprintf("None of the %d %s has the values of where.", n, of)
	for _, name := range sortedKeys(x.spec.Where) {
		switch values, asked := x.found[name], x.spec.Where[name].Text; {
		case len(values) == 0:
			return noColumn("where", name, x.lacking)
		case !slices.Contains(values, asked) && len(values) < maxReported:
			detail += fmt.Sprintf(" %s is %.40q in none of them, but %s.", name, asked, quotedList(values))
		}
	}
	return diag.Errorf(diag.Path{"where"}, "No rows", "%s", detail).Err()
}

// noColumn is the error for an attribute that names a column which no row has.
func noColumn(attribute, column, columns string) error {
	return diag.Errorf(diag.Path{attribute}, "Unusable columns", "%s names the column %q, and there is none; the columns are %s.", attribute, column, columns).Err()
}

// quotedList names texts in a message.
func quotedList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = fmt.Sprintf("%.40q", text)
	}
	return strings.Join(quoted, " or ")
}

// duplicate reports whether an earlier run has the same levels and replicate.
func (x *runReader) duplicate(run record.Run) (first int32, twice bool) {
	if !x.numbered {
		return 0, false
	}
	h := fnv.New128a()
	for _, l := range append(run.Levels, run.Replicate) {
		fmt.Fprintf(h, "%d:%s", len(l), l)
	}
	var id [16]byte
	h.Sum(id[:0])
	if first, twice = x.seen[id]; !twice {
		x.seen[id] = int32(x.runs)
	}
	return first, twice
}

// run reads the cells of a row, and lists what is wrong with them.
func (x *runReader) run(row tableRow) (run record.Run, wrong []string) {
	r := x.spec
	run = record.Run{Levels: make([]string, len(r.Factors)), Values: make(map[string]float64, len(r.Responses))}
	for i, name := range r.Factors {
		var err error
		switch run.Levels[i], err = row.cells[i].level(); {
		case row.cells[i].kind == absent:
			wrong = append(wrong, missing(row, x.wanted[i]))
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s %v", name, err))
		default:
			x.types[i].add(row.cells[i])
		}
	}
	if replicate := row.cells[x.replicateAt()]; x.numbered {
		var err error
		switch run.Replicate, err = replicate.level(); {
		case replicate.kind == absent:
			wrong = append(wrong, missing(row, x.wanted[x.replicateAt()]))
		case err != nil || run.Replicate == "" || replicate.kind == null:
			wrong = append(wrong, fmt.Sprintf("%s has no value, but it numbers the replicates", r.Replicate))
		}
	}
	ending := row.cells[x.outcomeAt()]
	var err error
	if run.Outcome, err = ending.outcome(); err != nil {
		wrong = append(wrong, fmt.Sprintf("%s %v; set outcome = \"\" if the column has another meaning", r.Outcome, err))
	}
	word := ending.text
	if row.empty && r.Outcome != "" && run.Outcome == record.OutcomeFinished {
		run.Outcome, word = record.OutcomeFailed, noMetrics
	}
	if run.Outcome == record.OutcomeFailed {
		x.ended[endings[strings.ToLower(strings.TrimSpace(word))]]++
	}
	return run, append(wrong, x.values(row, run)...)
}

// missing says that a row has no such column.
func missing(row tableRow, column string) string {
	if slices.Contains(row.columns(), column) { // the columns of a database are those of all runs
		return fmt.Sprintf("it has no %q, which other runs have; leave it out with where", column)
	}
	return fmt.Sprintf("there is no column %q; the columns are %s", column, columnList(row))
}

// values reads the responses of a row into a run. A run that did not finish has
// none: a logger may have kept the last one before the end.
func (x *runReader) values(row tableRow, run record.Run) (wrong []string) {
	for i, name := range x.spec.Responses {
		c := row.cells[x.responseAt(i)]
		v, err := c.number()
		switch {
		case c.kind == absent && run.Outcome == record.OutcomeFinished:
			wrong = append(wrong, missing(row, x.spec.called(name)))
		case run.Outcome != record.OutcomeFinished:
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s %v", name, err))
		case c.kind == null || c.text == "":
			x.empty[name]++
		case !math.IsNaN(v) && !math.IsInf(v, 0):
			run.Values[name] = v
		}
	}
	return wrong
}

// finish reports what was wrong, and warns of what may not be meant.
func (x *runReader) finish(warn func(string)) error {
	switch {
	case x.mistakes.rows > 0:
		return x.mistakes.list(x.runs).Err()
	case x.runs == 0 && x.histories.left > 0:
		return x.nothingMatches(x.histories.left, "rows")
	case x.runs == 0:
		return diag.Errorf(diag.Path{"source"}, "No rows", "The files of source have no rows.").Err()
	case x.left == x.runs:
		return x.nothingMatches(x.runs, "runs")
	case !x.ending && x.spec.Outcome != "" && x.spec.Outcome != outcomeColumn:
		return noColumn("outcome", x.spec.Outcome, x.endless)
	}
	for _, name := range sortedKeys(x.empty) {
		warn(fmt.Sprintf("%d of %d rows have no value of %s; these runs count as diverged. A column %s with finished, diverged or failed says what happened",
			x.empty[name], x.runs, name, outcomeColumn))
	}
	for _, how := range sortedKeys(x.ended) {
		warn(fmt.Sprintf("left out %s: %s", share(x.ended[how], x.runs, "run"), how))
	}
	if n := len(x.truncated); n > 0 {
		more := ""
		if n > 1 {
			more = fmt.Sprintf("; the same in %d more", n-1)
		}
		warn(fmt.Sprintf("%s ends inside of a record, which was not read, as when a program is killed%s", x.truncated[0], more))
	}
	x.warnCurves(warn)
	for _, note := range x.notes {
		warn(note)
	}
	if x.left > 0 {
		warn("where leaves out " + share(x.left, x.runs, "run"))
	}
	for i, name := range x.spec.Factors {
		if number, text, ok := x.types[i].clash(); ok {
			warn(fmt.Sprintf("%s is the number %s in some runs and the text %q in others; these are two levels", name, number, text))
		}
	}
	return nil
}

// share is a number out of all.
func share(n, all int, of string) string {
	if all != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d of %d %s", n, all, of)
}

// mistakes collects what is wrong with rows. A mistake that many rows have
// is reported once, with the first of them.
type mistakes struct {
	rows  int
	last  string
	texts []string
	first map[string]string
	count map[string]int
	more  int // beyond those that are reported
}

// maxReported is how many different mistakes are reported.
const maxReported = 10

func (m *mistakes) add(where, text string) {
	if where != m.last {
		m.rows, m.last = m.rows+1, where
	}
	if m.first == nil {
		m.first, m.count = make(map[string]string), make(map[string]int)
	}
	if m.count[text] == 0 {
		if len(m.texts) == maxReported {
			m.more++
			return
		}
		m.texts, m.first[text] = append(m.texts, text), where
	}
	m.count[text]++
}

func (m *mistakes) list(total int) diag.List {
	var list diag.List
	for _, text := range m.texts {
		more := ""
		if n := m.count[text] - 1; n > 0 {
			more = fmt.Sprintf(" The same in %d more.", n)
		}
		list = append(list, diag.Errorf(diag.Path{"source"}, "Unusable row", "%s: %s.%s", m.first[text], text, more)...)
	}
	if m.more > 0 {
		list = append(list, diag.Errorf(diag.Path{"source"}, "Unusable rows", "%d of %d rows cannot be used; only the first mistakes are listed.", m.rows, total)...)
	}
	return list
}

// cellKind is how a cell holds its value.
type cellKind int

const (
	absent   cellKind = iota // the row has no such column
	null                     // the column has no value in this row
	textual                  // a text, to the letter
	numeric                  // a number of a format that has numbers
	composed                 // a list, an object, or with a text, something of which the value is not known
)

// cell is one value of a table.
type cell struct {
	kind cellKind
	text string
}

// level reads a cell as a level. Texts keep their spelling, in the normal form in
// which the language reads them; numbers get the one text of their value. A null that is
// written is a level, such as that of a parameter that is off.
func (c cell) level() (string, error) {
	switch c.kind {
	case null:
		if c.text != "" {
			return c.text, nil
		}
		return "", fmt.Errorf("has no value, so there is no level (an empty text is written \"\")")
	case composed:
		if c.text != "" {
			return "", fmt.Errorf("is %.40q, which is not a level: the file does not say which value counts", c.text)
		}
		return "", fmt.Errorf("is a list or an object, which is not a level")
	case numeric:
		if text, ok := addr.CanonicalNumber(c.text); ok {
			return text, nil
		}
	}
	if !utf8.ValidString(c.text) || strings.ContainsRune(c.text, utf8.RuneError) { // two such levels could become one
		return "", fmt.Errorf("is %.40q, which is not UTF-8 or has lost a character: convert the file to UTF-8", c.text)
	}
	return norm.NFC.String(c.text), nil
}

// number reads a cell as a number.
func (c cell) number() (float64, error) {
	if c.kind == composed {
		return 0, fmt.Errorf("is a list or an object, not a number")
	}
	v, err := record.Number(c.text)
	if err != nil {
		return 0, fmt.Errorf("is %.40q, not a number", c.text)
	}
	return v, nil
}

// outcome reads a cell as an outcome. Without one the run finished.
func (c cell) outcome() (record.Outcome, error) {
	if c.kind == absent || c.kind == null || c.text == "" {
		return record.OutcomeFinished, nil
	}
	switch word := strings.ToLower(strings.TrimSpace(c.text)); {
	case slices.Contains(record.Outcomes, record.Outcome(word)):
		return record.Outcome(word), nil
	case word == "complete" || word == "success":
		return record.OutcomeFinished, nil
	case endings[word] != "":
		return record.OutcomeFailed, nil
	}
	return "", fmt.Errorf("is %.40q, not finished, diverged or failed", c.text)
}

// endings says of a run without a result what its tracker's word for it means.
var endings = map[string]string{
	"failed": "failed", "fail": "failed", "crashed": "crashed", "killed": "killed", "preempted": "preempted", "running": "still running", "preempting": "still running",
	"pending": "not started", "scheduled": "not started", "waiting": "not started", "pruned": "pruned", wandbOpen: "still running or killed (the log has no end)", noMetrics: "no metrics",
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// spellings are the levels of a factor that are numbers, and those that are texts
// in which a number is spelt otherwise.
type spellings struct {
	numbers map[string]bool
	texts   map[string]string // by the text of the number
}

func (s *spellings) add(c cell) {
	text, ok := addr.CanonicalNumber(c.text)
	switch {
	case !ok:
	case c.kind == numeric:
		if s.numbers == nil {
			s.numbers = make(map[string]bool)
		}
		s.numbers[text] = true
	case c.kind == textual && text != c.text:
		if s.texts == nil {
			s.texts = make(map[string]string)
		}
		s.texts[text] = c.text
	}
}

// clash returns a number that is also spelt as a text.
func (s *spellings) clash() (number, text string, ok bool) {
	for _, number := range sortedKeys(s.texts) {
		if s.numbers[number] {
			return number, s.texts[number], true
		}
	}
	return "", "", false
}
