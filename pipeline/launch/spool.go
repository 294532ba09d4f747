package launch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// maxSpoolFile bounds the files of a spool that are read whole.
const maxSpoolFile = 256 << 20

// batch is one submission: an array of tasks, each with one action or more. Its
// folder in the spool holds this description, a file of requests for each task, and
// the messages of every attempt. The description is written before the batch is
// submitted, so that every job has an owner.
type batch struct {
	ID        string          `json:"id"`
	Label     string          `json:"executor"`
	Tasks     [][]cache.Key   `json:"tasks"`
	Resources study.Resources `json:"resources"`
	Created   time.Time       `json:"created"`

	job string // the array's job number; "" until sbatch has printed it
}

// place is the task of a batch that holds an action.
type place struct {
	batch *batch
	task  int
}

const (
	batchFile = "batch.json"
	jobFile   = "job"
)

func newBatch(label string, tasks [][]action.Request) *batch {
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	first := tasks[0][0]
	id := fmt.Sprintf("%s-%s", first.Key.String()[:16], hex.EncodeToString(nonce[:]))
	b := &batch{ID: id, Label: label, Resources: first.Resources, Created: time.Now().UTC()}
	for _, list := range tasks {
		var keys []cache.Key
		for _, r := range list {
			keys = append(keys, r.Key)
		}
		b.Tasks = append(b.Tasks, keys)
	}
	return b
}

// name is the job's name, which identifies it where its number was not recorded.
func (b *batch) name() string { return "ablate-" + b.ID }

// comment lists the keys, for people who read the queue.
func (b *batch) comment() string {
	const most = 20
	words := []string{"ablate"}
	keys := slices.Concat(b.Tasks...)
	for _, k := range keys[:min(len(keys), most)] {
		words = append(words, k.String()[:16])
	}
	if n := len(keys) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(words, " ")
}

// spool is the folder through which the coordinator and the nodes communicate.
type spool string

func (s spool) dir(b *batch) string { return filepath.Join(string(s), b.ID) }

func taskFile(task int) string { return fmt.Sprintf("task-%d.json", task) }

// write creates a batch's folder, its description last.
func (s spool) write(b *batch, tasks [][]action.Request) error {
	if err := os.MkdirAll(s.dir(b), 0o755); err != nil {
		return fmt.Errorf("creating the spool folder: %w", err)
	}
	for i, list := range tasks {
		if err := writeJSON(filepath.Join(s.dir(b), taskFile(i)), list); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(s.dir(b), batchFile), b)
}

// parcel is a batch as it travels in a batch script.
type parcel struct {
	ID    string             `json:"id"`
	Tasks [][]action.Request `json:"tasks"`
}

// pack encodes a batch as text that is safe in a here-document.
func pack(p parcel) (string, error) {
	var out bytes.Buffer
	text := base64.NewEncoder(base64.StdEncoding, &out)
	compressed := gzip.NewWriter(text)
	err := errors.Join(json.NewEncoder(compressed).Encode(p), compressed.Close(), text.Close())
	return out.String(), err
}

// Unpack reads a batch from its batch script, creates its folder in the spool of
// this machine's store, and returns the folder.
func Unpack(r io.Reader, store string) (dir string, err error) {
	compressed, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, r))
	if err != nil {
		return "", fmt.Errorf("unpacking the requests: %w", err)
	}
	var p parcel
	if err := json.NewDecoder(compressed).Decode(&p); err != nil {
		return "", fmt.Errorf("unpacking the requests: %w", err)
	}
	dir = filepath.Join(store, "spool", filepath.Base(p.ID))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("creating the spool folder: %w", err)
	}
	for i, list := range p.Tasks { // other tasks on this node may write the same files
		if err := writeJSON(filepath.Join(dir, taskFile(i)), list); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// writeJob records the job number of a batch.
func (s spool) writeJob(b *batch, job string) error {
	b.job = job
	return writeFile(filepath.Join(s.dir(b), jobFile), []byte(job))
}

// batches reads all batches, newest first. It skips what is incomplete or not a
// batch.
func (s spool) batches() ([]*batch, error) {
	names, err := os.ReadDir(string(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	var out []*batch
	for _, n := range names {
		b := new(batch)
		raw, err := fsys.ReadRegular(filepath.Join(string(s), n.Name(), batchFile), maxSpoolFile)
		if err != nil || json.Unmarshal(raw, b) != nil || b.ID != n.Name() {
			continue
		}
		if job, err := fsys.ReadRegular(filepath.Join(string(s), n.Name(), jobFile), maxSpoolFile); err == nil {
			b.job = string(job)
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *batch) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// attempt is what the newest attempt at an action has reported, as far as its file was
// read. Each attempt has a file of its own, so that one that was given up and returns
// is not taken for a later one.
type attempt struct {
	path     string            // "" before the first attempt
	offset   int64             // where the next message begins
	progress pipeline.Progress // the last
	best     int               // the furthest step
	stopped  bool
	failed   *failure
}

func attemptFile(k cache.Key, n int) string { return fmt.Sprintf("%s.%06d.jsonl", k, n) }

// newestAttempts finds the file of the newest attempt at each action of a batch.
func newestAttempts(dir string) map[cache.Key]string {
	newest := make(map[cache.Key]string)
	entries, _ := os.ReadDir(dir) // in order of attempts; what cannot be read now is read at the next poll
	for _, e := range entries {
		key, number, _ := strings.Cut(e.Name(), ".")
		if k, err := cache.ParseKey(key); err == nil && strings.HasSuffix(number, ".jsonl") {
			newest[k] = filepath.Join(dir, e.Name())
		}
	}
	return newest
}

// read reads what was added to the file of the newest attempt, which grows for days.
func (a *attempt) read(path string) {
	if path != a.path {
		*a = attempt{path: path}
	}
	f, err := fsys.OpenRegular(path)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewReader(io.NewSectionReader(f, a.offset, math.MaxInt64-a.offset))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the last line may be half written
			return
		}
		a.offset += int64(len(line))
		var m message
		if json.Unmarshal(line, &m) == nil {
			a.add(m)
		}
	}
}

func (a *attempt) add(m message) {
	switch {
	case m.Progress != nil:
		a.progress, a.best = *m.Progress, max(a.best, m.Progress.Step)
	case m.Stopped != nil:
		a.stopped = true
	case m.Failed != nil:
		a.failed = m.Failed
	}
}

func writeJSON(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return writeFile(path, raw)
}

// writeFile writes a whole file or none.
func writeFile(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*")
	if err != nil {
		return fmt.Errorf("writing the spool: %w", err)
	}
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the spool: %w", err)
	}
	return os.Rename(f.Name(), path)
}
