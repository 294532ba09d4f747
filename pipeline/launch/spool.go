package launch

import (
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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// batch is one submission: an array of tasks, each with one or more actions.
// Its folder in the spool holds this description, a file of requests for each
// task, and the answers of every attempt. The description is there before
// Slurm hears of the batch, so that a job is never without an owner.
type batch struct {
	ID        string          `json:"id"`
	Label     string          `json:"executor"`
	Tasks     [][]cache.Key   `json:"tasks"`
	Resources study.Resources `json:"resources"`
	Created   time.Time       `json:"created"`

	job string // the array's job; "" until Slurm has said it
}

// place is where an action is in a batch.
type place struct {
	batch *batch
	task  int
}

const (
	batchFile = "batch.json"
	jobFile   = "job"
)

func newBatch(label string, r study.Resources, tasks [][]cache.Key) *batch {
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	id := fmt.Sprintf("%s-%s", tasks[0][0].String()[:16], hex.EncodeToString(nonce[:]))
	return &batch{ID: id, Label: label, Tasks: tasks, Resources: r, Created: time.Now().UTC()}
}

// name is the job's, by which it is found when nobody wrote down its number.
func (b *batch) name() string { return "ablate-" + b.ID }

// comment names the keys, for people who look at the queue.
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

// spool is the folder through which coordinator and nodes speak.
type spool string

func (s spool) dir(b *batch) string { return filepath.Join(string(s), b.ID) }

func taskFile(task int) string { return fmt.Sprintf("task-%d.json", task) }

// write makes a batch's folder, its description last.
func (s spool) write(b *batch, requests map[cache.Key]action.Request) error {
	if err := os.MkdirAll(s.dir(b), 0o755); err != nil {
		return fmt.Errorf("making the spool folder: %w", err)
	}
	for i, keys := range b.Tasks {
		var list []action.Request
		for _, k := range keys {
			list = append(list, requests[k])
		}
		if err := writeJSON(filepath.Join(s.dir(b), taskFile(i)), list); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(s.dir(b), batchFile), b)
}

// parcel is a batch as the text of a batch script.
type parcel struct {
	ID    string             `json:"id"`
	Tasks [][]action.Request `json:"tasks"`
}

// pack puts a batch into text that a shell passes on unchanged.
func pack(b *batch, requests map[cache.Key]action.Request) (string, error) {
	p := parcel{ID: b.ID}
	for _, keys := range b.Tasks {
		var list []action.Request
		for _, k := range keys {
			list = append(list, requests[k])
		}
		p.Tasks = append(p.Tasks, list)
	}
	var out bytes.Buffer
	text := base64.NewEncoder(base64.StdEncoding, &out)
	small := gzip.NewWriter(text)
	err := errors.Join(json.NewEncoder(small).Encode(p), small.Close(), text.Close())
	return out.String(), err
}

// Unpack makes a batch's folder in the spool of a store apart from its
// batch script, and returns the folder.
func Unpack(r io.Reader, store string) (dir string, err error) {
	small, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, r))
	if err != nil {
		return "", fmt.Errorf("unpacking the requests: %w", err)
	}
	var p parcel
	if err := json.NewDecoder(small).Decode(&p); err != nil {
		return "", fmt.Errorf("unpacking the requests: %w", err)
	}
	dir = filepath.Join(store, "spool", filepath.Base(p.ID))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the spool folder: %w", err)
	}
	for i, list := range p.Tasks { // other tasks may be at it on this node: they write the same
		if err := writeJSON(filepath.Join(dir, taskFile(i)), list); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// writeJob notes the number that Slurm gave a batch.
func (s spool) writeJob(b *batch, job string) error {
	b.job = job
	return writeFile(filepath.Join(s.dir(b), jobFile), []byte(job))
}

// batches reads all that is there, the newest first. What is no batch, or
// half of one, is passed over.
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
		raw, err := os.ReadFile(filepath.Join(string(s), n.Name(), batchFile))
		if err != nil || json.Unmarshal(raw, b) != nil || b.ID != n.Name() {
			continue
		}
		if job, err := os.ReadFile(filepath.Join(string(s), n.Name(), jobFile)); err == nil {
			b.job = string(job)
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *batch) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// attempt is what one try of an action has answered so far.
type attempt struct {
	number   int
	path     string
	progress pipeline.Progress // the last
	best     int               // the furthest step
	stopped  bool
	done     bool
	failed   *failure
}

func attemptFile(k cache.Key, n int) string { return fmt.Sprintf("%s.%06d.jsonl", k, n) }

// attempts reads what the tries of an action have answered, the first first.
// Each try has a file of its own, so one that was given up and comes back
// cannot speak for a later one.
func attempts(dir string, k cache.Key) []attempt {
	names, _ := filepath.Glob(filepath.Join(dir, k.String()+".*.jsonl")) // the pattern is well-formed
	slices.Sort(names)
	var out []attempt
	for _, name := range names {
		a := attempt{path: name}
		if _, err := fmt.Sscanf(strings.TrimPrefix(filepath.Base(name), k.String()), ".%d.jsonl", &a.number); err != nil {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		readMessages(bytes.NewReader(raw), func(m message) { // the last line may be half written
			switch {
			case m.Progress != nil:
				a.progress, a.best = *m.Progress, max(a.best, m.Progress.Step)
			case m.Stopped != nil:
				a.stopped = true
			case m.Done != nil:
				a.done = true
			case m.Failed != nil:
				a.failed = m.Failed
			}
		})
		out = append(out, a)
	}
	return out
}

func writeJSON(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return writeFile(path, raw)
}

// writeFile makes a whole file or none.
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
