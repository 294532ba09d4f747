// Package sqlite reads databases that other programs wrote. It assumes nothing
// about their content: what a schema defines beside plain tables is not run, and
// memory is bounded.
package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	driver "modernc.org/sqlite" // in Go, so that no C compiler is needed
	lib "modernc.org/sqlite/lib"
)

// magic begins every database.
var magic = []byte("SQLite format 3\x00")

// HeadSize is how much of a file IsDatabase needs.
const HeadSize = 16

// IsDatabase reports whether a file is a database by its first bytes.
func IsDatabase(head []byte) bool { return bytes.HasPrefix(head, magic) }

// journalMagic begins a rollback journal that has not been committed.
var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

// IsHotJournal reports by its first bytes whether a journal belongs to a
// transaction that is open or was interrupted. Journals that are kept after a
// transaction have zeros there.
func IsHotJournal(head []byte) bool { return bytes.HasPrefix(head, journalMagic) }

// DB is an open database.
type DB struct {
	pool *sql.DB
	conn *sql.Conn
	open []*sql.Rows // of all queries

	// Columns are those of plain tables, by table. Views and virtual tables, which
	// can run code, are left out.
	Columns map[string][]string
}

// Limits of a database.
const (
	maxTables = 10_000
	maxValue  = 16 << 20 // bytes of a value or a row
)

// Open opens a database for reading. Its folder must be a private copy: SQLite
// creates files beside a database that has a write-ahead log.
func Open(ctx context.Context, file string) (*DB, error) {
	if err := checkSize(file); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", address(file))
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		pool.Close()
		return nil, err
	}
	if _, err := driver.Limit(conn, lib.SQLITE_LIMIT_LENGTH, maxValue); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	db := &DB{pool: pool, conn: conn, Columns: make(map[string][]string)}
	if err := db.readSchema(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// checkSize refuses a file that does not consist of whole pages: SQLite takes what is
// missing for zeros.
func checkSize(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, 18)
	if _, err := io.ReadFull(f, head); err != nil {
		return errors.New("it is truncated")
	}
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 1 << 16
	}
	if page < 512 || page&(page-1) != 0 {
		return errors.New("it is damaged: the size of its pages is wrong")
	}
	if info.Size()%page != 0 {
		return errors.New("it is truncated: its last page is not complete")
	}
	return nil
}

// address is the URI of a file with the settings of a connection.
func address(file string) string {
	name := filepath.ToSlash(file)
	if !strings.HasPrefix(name, "/") { // a drive of Windows
		name = "/" + name
	}
	settings := url.Values{"mode": {"ro"}, "_pragma": {
		"trusted_schema(0)", "query_only(1)", "cell_size_check(1)", "mmap_size(0)", "cache_size(-32768)", "hard_heap_limit(268435456)",
	}}
	u := url.URL{Scheme: "file", Path: name, RawQuery: settings.Encode()}
	return u.String()
}

func (d *DB) readSchema(ctx context.Context) error {
	rows, err := d.conn.QueryContext(ctx, `SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' LIMIT ?`, maxTables*10)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		d.Columns[table] = append(d.Columns[table], column)
	}
	if len(d.Columns) > maxTables {
		return fmt.Errorf("it has more than %d tables", maxTables)
	}
	return rows.Err()
}

// Has reports whether a table has all of some columns.
func (d *DB) Has(table string, columns ...string) bool {
	have, ok := d.Columns[table]
	for _, c := range columns {
		ok = ok && slices.Contains(have, c)
	}
	return ok
}

// Check compares the pages of the database with each other.
func (d *DB) Check(ctx context.Context) error {
	var says string
	if err := d.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&says); err != nil {
		return err
	}
	if says != "ok" {
		return fmt.Errorf("it is damaged: %s", strings.TrimSpace(says))
	}
	return nil
}

// Query reads rows. Several queries may be read at the same time. Rows that the caller
// does not close are closed with the database.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := d.conn.QueryContext(ctx, query, args...)
	if err == nil {
		d.open = append(d.open, rows)
	}
	return rows, err
}

// Close closes the database.
func (d *DB) Close() error {
	for _, rows := range d.open { // a connection waits for its rows
		rows.Close()
	}
	d.conn.Close()
	return d.pool.Close()
}
