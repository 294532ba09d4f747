package data

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/pipeline"
)

// trackioTables are the tables of Trackio that are read.
const trackioTables = `CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, config TEXT);
	CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, step INTEGER, metrics TEXT)`

// database makes a database in a new folder.
func database(t *testing.T, statements ...string) (folder string, db *sql.DB) {
	t.Helper()
	folder = t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(folder, "runs.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return folder, db
}

// insertRun is a run of Trackio with one row of metrics.
func insertRun(id, config, metrics string) string {
	return fmt.Sprintf("INSERT INTO configs (run_id, run_name, config) VALUES ('%[1]s', '%[1]s', '%[2]s'); INSERT INTO metrics (run_id, run_name, step, metrics) VALUES ('%[1]s', '%[1]s', 3, '%[3]s')", id, config, metrics)
}

func fromDatabase() *Results {
	r := byNorm()
	r.Source = []string{"runs.db"}
	return r
}

// unpackTestdata returns a database of testdata.
func unpackTestdata(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/runs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// renamedSources are sources in which a file has another address.
type renamedSources struct {
	pipeline.Sources
	address, file string
}

func (s renamedSources) name(path string) string {
	if path == s.address {
		return s.file
	}
	return path
}

func (s renamedSources) Expand(pattern string, _ ...string) ([]string, error) {
	return []string{pattern}, nil
}

func (s renamedSources) Digest(path string) (cache.Digest, int64, error) {
	return s.Sources.Digest(s.name(path))
}

// The name of a remote database enters the key where the result has it: in the column run.
func TestNameOfARemoteDatabase(t *testing.T) {
	dir, _ := database(t, trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`))
	key := func(url string, factors ...string) string {
		r := fromDatabase()
		r.Source, r.Factors = []string{url}, factors
		in := inputs(dir)
		in.Sources = renamedSources{in.Sources, url, "runs.db"}
		recipe, err := r.Describe(in)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(recipe.Inputs.Key("test"))
	}
	if key("https://host/a.db", "norm") != key("https://other/b.db", "norm") {
		t.Error("a name that the result does not have is in the key")
	}
	if key("https://host/a.db", "run") != key("https://other/a.db", "run") {
		t.Error("the host is in the key")
	}
	if key("https://host/a.db", "run") == key("https://host/b.db", "run") {
		t.Error("a name that the result has is not in the key")
	}
}

// A database that a program has open is read with its log, and nothing is written
// beside it.
func TestDatabaseInUse(t *testing.T) {
	dir, db := database(t, "PRAGMA journal_mode = WAL", trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`))
	key := func() string {
		recipe, err := fromDatabase().Describe(inputs(dir))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(recipe.Inputs.Key("test"))
	}
	listing := func() (out string) {
		for _, name := range []string{"runs.db", "runs.db-wal", "runs.db-shm"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			out += fmt.Sprint(name, info.Size(), info.ModTime(), " ")
		}
		entries, _ := os.ReadDir(dir)
		return out + fmt.Sprint(len(entries))
	}
	before := listing()
	runs, warned, err := readFolders(t, dir, fromDatabase())
	if err != nil || warned != "" || len(runs) != 1 || runs["rms 1"].Values["loss"] != 2 {
		t.Errorf("%v, warned %q: %v", err, warned, runs)
	}
	if after := listing(); after != before {
		t.Errorf("the folder changed from %s to %s", before, after)
	}
	first := key()
	if _, err := db.Exec(insertRun("b", `{"norm":"dyt","seed":1}`, `{"loss":"NaN"}`)); err != nil {
		t.Fatal(err)
	}
	if key() == first {
		t.Error("a run in the log alone does not change the key")
	}
	if runs, _, err := readFolders(t, dir, fromDatabase()); err != nil || len(runs) != 2 || len(runs["dyt 1"].Values) != 0 {
		t.Errorf("%v: %v", err, runs)
	}
}

// SQLite keeps the log of a database beside the target of a link.
func TestLinkToDatabase(t *testing.T) {
	dir, db := database(t, "PRAGMA journal_mode = WAL", trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`))
	other := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "runs.db"), filepath.Join(other, "runs.db")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readFolders(t, other, fromDatabase()); err == nil || !strings.Contains(err.Error(), "Name the target of the link in source") {
		t.Errorf("a database in use: %v", err)
	}
	db.Close()
	if runs, _, err := readFolders(t, other, fromDatabase()); err != nil || len(runs) != 1 {
		t.Errorf("a closed database: %v, %v", err, runs)
	}
}

// The name of a database enters the key if it is part of a level.
func TestNameOfDatabaseAsLevel(t *testing.T) {
	dir, _ := database(t, trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`))
	key := func(name, factor string) string {
		r := fromDatabase()
		r.Source, r.Factors = []string{name}, []string{factor}
		recipe, err := r.Describe(inputs(dir))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(recipe.Inputs.Key("test"))
	}
	run, norm := key("runs.db", "run"), key("runs.db", "norm")
	if err := os.Rename(filepath.Join(dir, "runs.db"), filepath.Join(dir, "two.db")); err != nil {
		t.Fatal(err)
	}
	if key("two.db", "run") == run || key("two.db", "norm") != norm {
		t.Error("the key has the name only without the column run, or lacks it with the column")
	}
}

// A folder and a glob do not take the files beside a database for tables.
func TestDatabaseInFolder(t *testing.T) {
	dir, _ := database(t, "PRAGMA journal_mode = WAL", trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`))
	for _, pattern := range []string{".", "*", "runs.*"} {
		r := fromDatabase()
		r.Source = []string{pattern}
		if runs, _, err := readFolders(t, dir, r); err != nil || len(runs) != 1 {
			t.Errorf("%s: %v, %v", pattern, err, runs)
		}
	}
}

// What cannot be known about a database is refused, with what to do.
func TestUnusableDatabases(t *testing.T) {
	good := insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`)
	for _, c := range []struct {
		name       string
		statements []string
		format     string
		want       string
	}{
		{"another tool", []string{"CREATE TABLE things (x)"}, "", "but not of MLflow, Optuna or Trackio: it has the tables things"},
		{"another format", []string{trackioTables, good}, "optuna", `it is a database of Trackio, and format is "optuna"`},
		{"a newer table", []string{strings.ReplaceAll(trackioTables, "metrics TEXT", "content TEXT")}, "", "unsupported version of Trackio's database: table metrics has no column metrics"},
		{"a view", []string{"CREATE TABLE configs (run_name, config)", "CREATE VIEW metrics AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x run_name, x step, x metrics FROM n"},
			"", "unsupported version of Trackio's database: table metrics has no column"},
		{"two runs", []string{trackioTables, good, insertRun("b", `{"norm":"rms","seed":1}`, `{"loss":3}`)}, "", "runs.db:b: it has the same factors and seed as runs.db:a: rms, 1"},
		{"broken JSON", []string{trackioTables, good, insertRun("b", `{"norm":`, `{"loss":3}`)}, "", "runs.db:b: its configuration: "},
		{"a text", []string{trackioTables, insertRun("b", `{"norm":"rms","seed":1}`, `{"loss":"low"}`)}, "", `runs.db:b: loss is "low", not a number`},
		{"a missing parameter", []string{trackioTables, insertRun("b", `{"seed":1}`, `{"loss":1}`)}, "", `runs.db:b: there is no column "norm"; the columns are loss, run, run_id, run_name, seed`},
		{"a metric named as a parameter", []string{trackioTables, insertRun("b", `{"norm":"rms","seed":1,"loss":"low"}`, `{"loss":"lower"}`)}, "", `runs.db:b: loss is "lower", not a number`},
		{"no runs", []string{trackioTables}, "", "No rows"},
		{"a large value", []string{trackioTables, good, "INSERT INTO metrics (run_id, run_name, step, metrics) VALUES ('c', 'c', 1, zeroblob(20000000))"}, "", "too big"},
		{"a value of another type", []string{trackioTables, good, "UPDATE metrics SET step = 'late'"}, "", "runs.db: sql: Scan error"},
		{"a missing value", []string{trackioTables, good, "UPDATE configs SET config = NULL"}, "", "runs.db: sql: Scan error"},
		{"another schema of Optuna", []string{optunaTables, "INSERT INTO version_info VALUES (13)"}, "", "the schema [13]; 12 is the one that is read"},
	} {
		dir, _ := database(t, c.statements...)
		r := fromDatabase()
		r.Format = c.format
		if _, _, err := readFolders(t, dir, r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// optunaTables are the tables of Optuna, empty.
const optunaTables = `CREATE TABLE version_info (schema_version INTEGER);
	CREATE TABLE studies (study_id, study_name); CREATE TABLE trials (trial_id, number, study_id, state);
	CREATE TABLE trial_params (trial_id, param_name, param_value, distribution_json); CREATE TABLE trial_values (trial_id, objective, value, value_type);
	CREATE TABLE trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type);
	CREATE TABLE trial_user_attributes (trial_id, key, value_json); CREATE TABLE study_system_attributes (study_id, key, value_json)`

// Trackio before version 2 knows a run by its name, and a newer one is warned of.
func TestVersionsOfDatabases(t *testing.T) {
	old := strings.ReplaceAll(trackioTables, "run_id TEXT, ", "")
	dir, _ := database(t, old, `INSERT INTO configs VALUES (1, 'a', '{"norm":"rms","seed":1}'); INSERT INTO metrics VALUES (1, 'a', 2, '{"loss":1}'), (2, 'a', 1, '{"loss":5}')`)
	if runs, warned, err := readFolders(t, dir, fromDatabase()); err != nil || warned != "" || runs["rms 1"].Values["loss"] != 1 {
		t.Errorf("%v, warned %q: %v", err, warned, runs)
	}
	dir, _ = database(t, trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`), "PRAGMA user_version = 10")
	if _, warned, err := readFolders(t, dir, fromDatabase()); err != nil || !strings.Contains(warned, "runs.db has the schema 10 of Trackio, which is newer") {
		t.Errorf("%v, warned %q", err, warned)
	}
}

// Of two metrics whose names are the same text, the one in normal form C counts.
func TestMetricsOfOneName(t *testing.T) {
	for range 20 {
		dir, _ := database(t, trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, "{\"perte\u0301\":1,\"pert\u00e9\":2}"))
		r := fromDatabase()
		r.Responses = []string{"pert\u00e9"}
		if runs, warned, err := readFolders(t, dir, r); err != nil || warned != "" || runs["rms 1"].Values["pert\u00e9"] != 2 {
			t.Fatalf("%v, warned %q: %v", err, warned, runs)
		}
	}
}

// A journal with content means that a transaction is not finished.
func TestHotJournal(t *testing.T) {
	dir, _ := database(t, trackioTables, insertRun("a", `{"norm":"rms","seed":1}`, `{"loss":2}`))
	journal := filepath.Join(dir, "runs.db-journal")
	for content, want := range map[string]string{
		"": "", strings.Repeat("\x00", 600): "", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + strings.Repeat("\x01", 600): "a transaction is open or was interrupted (runs.db-journal exists)",
	} {
		if err := os.WriteFile(journal, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readFolders(t, dir, fromDatabase()); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("a journal of %d bytes: %v, want %q", len(content), err, want)
		}
	}
}

// A damaged database is refused or read, and never breaks the program.
func TestDamagedDatabases(t *testing.T) {
	for _, name := range []string{"mlflow.db.gz", "optuna.db.gz", "trackio.db.gz"} {
		whole := unpackTestdata(t, name)
		read := func(content []byte) error {
			dir := folder(t, map[string]string{"runs.db": string(content)})
			r := fromDatabase()
			r.Responses = []string{map[string]string{"optuna.db.gz": "value"}[name] + map[string]string{"mlflow.db.gz": "val/loss", "trackio.db.gz": "val/loss"}[name]}
			_, _, err := readFolders(t, dir, r)
			return err
		}
		for _, n := range []int{17, 100, 1000, 4096, len(whole) / 2, len(whole) - 1} {
			if err := read(whole[:n]); err == nil || !strings.Contains(err.Error(), "runs.db: ") {
				t.Errorf("%s: %d of %d bytes: %v", name, n, len(whole), err)
			}
		}
		for at := 16; at < len(whole); at += len(whole)/12 + 1 {
			damaged := append([]byte(nil), whole...)
			for i := at; i < min(at+64, len(damaged)); i++ {
				damaged[i] ^= 0x5a
			}
			if err := read(damaged); err != nil && !strings.Contains(err.Error(), "runs.db") {
				t.Errorf("%s: damaged at %d: the error does not name the file: %v", name, at, err)
			}
		}
	}
}
