package data

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/sqlite"
)

// Files that SQLite keeps beside a database, by what is appended to its name.
const (
	logSuffix     = "-wal" // the newest transactions
	journalSuffix = "-journal"
	indexSuffix   = "-shm" // of the log, which can be made again
)

// Limits of a database that is read.
const (
	maxDatabase     = 16 << 30 // bytes
	maxChecked      = 1 << 30  // bytes up to which all pages are checked first
	maxDatabaseTime = 30 * time.Minute
)

// databaseFormat is a tool that records runs in a database.
type databaseFormat struct {
	name, title string
	mark        string              // a table that tells the tool
	needs       map[string][]string // columns that are read, by table
	read        func(context.Context, *databaseReader) error
}

// databaseFormats are in the order in which they are tried.
var databaseFormats = []databaseFormat{mlflowDatabase, optunaDatabase, trackioDatabase}

func databaseNamed(name string) bool {
	return slices.ContainsFunc(databaseFormats, func(f databaseFormat) bool { return f.name == name })
}

// companions takes the files that SQLite keeps beside databases out of a list of
// tables, and returns those that count: logs and journals with content, by the path of
// the database.
func (r *Results) companions(sources pipeline.Sources, tables []source) (rest []source, beside map[string]source, err error) {
	main := make(map[string]bool, len(tables))
	for _, t := range tables {
		main[t.path] = true
	}
	beside = make(map[string]source)
	for _, t := range tables {
		switch {
		case !isCompanion(t.path, main):
			rest = append(rest, t)
		case t.size > 0:
			beside[t.path] = t
		}
	}
	for _, pattern := range r.companionPatterns() {
		paths, err := sources.Expand(pattern, r.Exclude...)
		if err != nil {
			return nil, nil, diag.Errorf(diag.Path{"source"}, "Unreadable source", "%q cannot be read: %v. Check the path and its permissions.", pattern, reason(err)).Err()
		}
		for _, p := range paths {
			if _, known := beside[p]; known || !isCompanion(p, main) {
				continue
			}
			digest, size, err := sources.Digest(p)
			if err != nil {
				return nil, nil, unreadable(source{path: p}, err)
			}
			if size > 0 {
				beside[p] = source{p, digest, size}
			}
		}
	}
	for _, t := range rest {
		if err := checkLink(t, beside); err != nil {
			return nil, nil, err
		}
	}
	return rest, beside, nil
}

// checkLink refuses a link to a database whose log or journal is beside the target,
// where it is not among the files of the study.
func checkLink(f source, beside map[string]source) error {
	info, err := os.Lstat(f.path)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		return nil // remote sources have no links
	}
	target, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return unreadable(f, err)
	}
	for _, suffix := range []string{logSuffix, journalSuffix} {
		if info, err := os.Stat(target + suffix); err != nil || info.Size() == 0 {
			continue
		}
		if _, ok := beside[f.path+suffix]; !ok {
			return diag.Errorf(diag.Path{"source"}, "Database in use", "%s is a link to a database, and %s holds transactions of it. Name the target of the link in source.", f.path, target+suffix).Err()
		}
	}
	return nil
}

// isCompanion reports whether SQLite keeps a file beside a database of the list.
func isCompanion(name string, main map[string]bool) bool {
	for _, suffix := range []string{logSuffix, journalSuffix, indexSuffix} {
		if base, ok := strings.CutSuffix(name, suffix); ok && main[base] {
			return true
		}
	}
	return false
}

// companionPatterns match logs and journals of databases.
func (r *Results) companionPatterns() (out []string) {
	for _, s := range r.Source {
		if !pipeline.IsRemote(s) {
			out = append(out, s+logSuffix, s+journalSuffix)
		}
	}
	return out
}

// isDatabase reports whether a file is a database of SQLite, by its content.
func isDatabase(sources pipeline.Sources, f source) (bool, error) {
	head, err := headOf(sources, f)
	return sqlite.IsDatabase(head), err
}

// headOf is the beginning of a file.
func headOf(sources pipeline.Sources, f source) ([]byte, error) {
	in, err := sources.Open(f.path)
	if err != nil {
		return nil, unreadable(f, err)
	}
	defer in.Close()
	head := make([]byte, sqlite.HeadSize)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, unreadable(f, err)
	}
	return head[:n], nil
}

// databaseReader reads the runs of a database.
type databaseReader struct {
	*sqlite.DB
	file  string // its base name
	spec  *Results
	rows  *runReader
	names []string // of all columns that runs may have, for messages

	cursors []*cursor
}

// readDatabase reads the runs of a copy of a database: nothing is written beside the
// user's file, not even a lock.
func (r *Results) readDatabase(ctx context.Context, sources pipeline.Sources, f source, beside map[string]source, rows *runReader) error {
	wrong := func(err error) error {
		if _, ok := diag.From(err); ok || err == nil {
			return err
		}
		return diag.Errorf(diag.Path{"source"}, "Unreadable database", "%s: %v.", f.path, reason(err)).Err()
	}
	if f.size > maxDatabase {
		return wrong(fmt.Errorf("it is larger than %d GiB", maxDatabase>>30))
	}
	if j, ok := beside[f.path+journalSuffix]; ok {
		if head, err := headOf(sources, j); err != nil || sqlite.IsHotJournal(head) {
			return wrong(errors.Join(err, fmt.Errorf("a transaction is open or was interrupted (%s exists); end the program that writes, or open the database with its tool once", filepath.Base(j.path))))
		}
	}
	dir, err := os.MkdirTemp("", "ablate-sqlite-*")
	if err != nil {
		return fmt.Errorf("making a temporary folder (TMPDIR sets its place): %w", err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "copy.db")
	if err := copyTo(name, sources, f); err != nil {
		return err
	}
	if log, ok := beside[f.path+logSuffix]; ok {
		if err := copyTo(name+logSuffix, sources, log); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeoutCause(ctx, maxDatabaseTime, fmt.Errorf("reading it takes longer than %v", maxDatabaseTime))
	defer cancel()
	err = r.readCopy(limited, name, f, rows)
	if limited.Err() != nil {
		err = context.Cause(limited)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return wrong(err)
}

// copyTo copies a source to a file.
func copyTo(name string, sources pipeline.Sources, f source) (err error) {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copying %s: %w", f.path, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return copyFile(out, sources, f)
}

func (r *Results) readCopy(ctx context.Context, name string, f source, rows *runReader) error {
	db, err := sqlite.Open(ctx, name)
	if err != nil {
		return err
	}
	defer db.Close()
	if f.size <= maxChecked {
		if err := db.Check(ctx); err != nil {
			return err
		}
	}
	format, err := r.databaseOf(db)
	if err != nil {
		return err
	}
	for _, table := range sortedKeys(format.needs) {
		for _, column := range format.needs[table] {
			if !db.Has(table, column) {
				return fmt.Errorf("unsupported version of %s's database: table %s has no column %s", format.title, table, column)
			}
		}
	}
	return format.read(ctx, &databaseReader{DB: db, file: filepath.Base(f.path), spec: r, rows: rows})
}

// databaseOf says which tool made a database.
func (r *Results) databaseOf(db *sqlite.DB) (databaseFormat, error) {
	for _, format := range databaseFormats {
		if !db.Has(format.mark) {
			continue
		}
		if databaseNamed(r.Format) && r.Format != format.name {
			return format, fmt.Errorf("it is a database of %s, and format is %q", format.title, r.Format)
		}
		return format, nil
	}
	has := "no tables"
	if len(db.Columns) > 0 {
		has = "the tables " + strings.Join(sortedKeys(db.Columns)[:min(len(db.Columns), maxReported)], ", ")
	}
	return databaseFormat{}, fmt.Errorf("it is a SQLite database, but not of MLflow, Optuna or Trackio: it has %s; export the table of runs as CSV", has)
}

// begin returns an empty run.
func (d *databaseReader) begin(id string) *folderRun {
	return &folderRun{foundRun: foundRun{name: d.file + ":" + id}, columns: map[string]cell{}, results: map[string]cell{}, series: newSeries(d.rows.metrics()), others: d.names}
}

// brokenRun is a mistake in the values of one run.
type brokenRun struct{ error }

// addRun adds a run with the rows of the cursors, and further columns.
func (d *databaseReader) addRun(id string, run *folderRun, more map[string]cell) error {
	broken := d.upTo(id, run)
	if broken != nil && !errors.As(broken, &brokenRun{}) {
		return broken
	}
	run.add(more)
	return d.rows.addRun(run, broken)
}

// each calls do for each row of a query, when it is in dest.
func (d *databaseReader) each(ctx context.Context, query string, do func() error, dest ...any) error {
	rows, err := d.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// texts are the rows of a query that has one column.
func (d *databaseReader) texts(ctx context.Context, query string) (out []string, err error) {
	var text string
	err = d.each(ctx, query+" LIMIT "+strconv.Itoa(maxColumns), func() error {
		out = append(out, norm.NFC.String(text))
		return nil
	}, &text)
	return out, err
}

// maxColumns bounds the columns that a message names.
const maxColumns = 1000

// cursor reads rows that belong to runs, in the order of the runs.
type cursor struct {
	rows *sql.Rows
	id   string
	dest []any
	take func(*folderRun) error
	more bool
}

// follow begins a query, whose first column is the run; the others go to dest. A cursor is
// a row ahead of the run, so that each has destinations of its own.
func (d *databaseReader) follow(ctx context.Context, query string, args []any, take func(*folderRun) error, dest ...any) error {
	rows, err := d.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	c := &cursor{rows: rows, take: take}
	c.dest = append([]any{&c.id}, dest...)
	d.cursors = append(d.cursors, c)
	return c.next()
}

func (c *cursor) next() error {
	if c.more = c.rows.Next(); !c.more {
		return c.rows.Err()
	}
	return c.rows.Scan(c.dest...)
}

// upTo takes the rows of a run. It passes over those of runs before it, which were
// deleted.
func (c *cursor) upTo(id string, run *folderRun) error {
	for c.more && c.id <= id {
		if c.id == id {
			if err := c.take(run); err != nil {
				return err
			}
		}
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

// upTo takes the rows of a run from all cursors.
func (d *databaseReader) upTo(id string, run *folderRun) error {
	for _, c := range d.cursors {
		if err := c.upTo(id, run); err != nil {
			return err
		}
	}
	return nil
}

// among is a condition that a column has one of some names, in any normal form, and
// its arguments.
func among(column, prefix string, names []string) (condition string, args []any) {
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			args = append(args, rest)
			if nfd := norm.NFD.String(rest); nfd != rest {
				args = append(args, nfd)
			}
		}
	}
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?,", len(args)), ",") + ")", args
}

// databaseCell reads a value of SQLite, which may have any type in any column.
func databaseCell(v any) cell {
	switch v := v.(type) {
	case nil:
		return cell{kind: null, text: "null"}
	case string:
		return cell{textual, v}
	case int64:
		return cell{numeric, strconv.FormatInt(v, 10)}
	case float64:
		return cell{numeric, strconv.FormatFloat(v, 'g', -1, 64)}
	case bool:
		return cell{textual, strconv.FormatBool(v)}
	}
	return cell{kind: composed}
}
