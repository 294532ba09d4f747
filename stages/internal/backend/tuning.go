package backend

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// tuning is a folder with the kernels that XLA chose for a plugin and its devices.
// XLA chooses by timing, so that two processes may choose differently and compute
// other bits. The folder keeps the first choice for all later processes.
//
// The folder has a random name, its id, which is part of the numerics class. While
// the id is one, choices are added and never changed:
//
//   - Programs are compiled under a lock, so that no two processes choose at once.
//   - A list of the choices and their digests is written after each compilation. If
//     one of them is missing or has changed, the folder gets a new id.
//
// A folder that was deleted is made again with a new id, too. Results from before and
// after are then of different numerics classes.
type tuning struct{ dir, id string }

// tuningFlag makes XLA read and write its choices in a folder.
const tuningFlag = "--xla_gpu_per_fusion_autotune_cache_dir="

// openTuning opens the folder of a plugin and its devices, which about describes.
func openTuning(about []string) (*tuning, error) {
	caches, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	name := sha256.Sum256([]byte(strings.Join(about, "\x00")))
	t := &tuning{dir: filepath.Join(caches, "ablate", "tuning", hex.EncodeToString(name[:6]))}
	if strings.ContainsAny(t.dir, " \t\n'\"") {
		return nil, fmt.Errorf("XLA cannot be given the folder %q: it separates its flags by spaces", t.dir)
	}
	if err := os.MkdirAll(t.choices(), 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of tuned kernels: %w", err)
	}
	if t.id = t.current(); t.id != "" {
		return t, nil
	}
	return t, t.locked(func() error {
		if t.id = t.current(); t.id == "" { // another process may have been first
			return t.renew()
		}
		return nil
	})
}

// choices is the folder that XLA writes to.
func (t *tuning) choices() string { return filepath.Join(t.dir, "choices") }

// flag is the flag for XLA.
func (t *tuning) flag() string { return tuningFlag + t.choices() }

// tuningRecord is what a folder says about itself.
type tuningRecord struct {
	ID      string            `json:"id"`
	Choices map[string]string `json:"choices"` // digests by file name
}

func (t *tuning) recordFile() string { return filepath.Join(t.dir, "record.json") }

// read returns the folder's record; a folder without one has the zero record.
func (t *tuning) read() tuningRecord {
	var r tuningRecord
	raw, err := os.ReadFile(t.recordFile())
	if err != nil || json.Unmarshal(raw, &r) != nil {
		return tuningRecord{}
	}
	return r
}

// write replaces the folder's record.
func (t *tuning) write(r tuningRecord) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	part := fmt.Sprintf("%s.%d", t.recordFile(), os.Getpid())
	if err := os.WriteFile(part, raw, 0o600); err != nil {
		return fmt.Errorf("recording the choice of kernels: %w", err)
	}
	return os.Rename(part, t.recordFile())
}

// current returns the id, or "" where the folder has none or a choice is not what it
// was.
func (t *tuning) current() string {
	r := t.read()
	for name, digest := range r.Choices {
		if now, err := digestFile(filepath.Join(t.choices(), name)); err != nil || now != digest {
			return ""
		}
	}
	return r.ID
}

// list returns the digests of all choices.
func (t *tuning) list() (map[string]string, error) {
	out := make(map[string]string)
	err := filepath.WalkDir(t.choices(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(t.choices(), path)
		if err != nil {
			return err
		}
		out[name], err = digestFile(path)
		return err
	})
	return out, err
}

// renew gives the folder a new id with the choices that it has.
func (t *tuning) renew() error {
	var id [6]byte
	rand.Read(id[:]) // never fails
	t.id = hex.EncodeToString(id[:])
	list, err := t.list()
	if err != nil {
		return fmt.Errorf("reading the choice of kernels: %w", err)
	}
	return t.write(tuningRecord{t.id, list})
}

// locked runs do while no other process compiles.
func (t *tuning) locked(do func() error) error {
	unlock, err := lockedfile.MutexAt(filepath.Join(t.dir, "lock")).Lock()
	if err != nil {
		return fmt.Errorf("locking the folder of tuned kernels: %w", err)
	}
	defer unlock()
	return do()
}

// errRetuned is why a process cannot compile: its numerics class names choices that no
// longer exist.
var errRetuned = errors.New("the folder of tuned kernels was changed or removed while the process ran: run the command again")

// compile compiles a program, and records the choices that this added.
func (t *tuning) compile(do func() error) error {
	if _, err := os.Stat(t.dir); err != nil {
		return errRetuned
	}
	return t.locked(func() error {
		if t.current() != t.id {
			return errRetuned
		}
		if err := do(); err != nil {
			return err
		}
		if t.current() != t.id { // XLA replaced a choice
			successor := tuning{dir: t.dir}
			return errors.Join(errRetuned, successor.renew())
		}
		list, err := t.list()
		if err != nil {
			return fmt.Errorf("reading the choice of kernels: %w", err)
		}
		return t.write(tuningRecord{t.id, list})
	})
}
