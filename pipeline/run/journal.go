package run

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline"
)

const (
	maxJournal  = 4 << 20     // bytes, after which progress is left out
	maxJournals = 100         // the newest runs that are kept
	progressGap = time.Second // between two records of progress of one instance
)

// RunStart is the type of a journal's first record, which names the study.
const RunStart EventType = "run_start"

// Record is one line of a journal: an event of a run as data.
type Record struct {
	Type     EventType         `json:"type"`
	Time     time.Time         `json:"time"`
	Study    string            `json:"study,omitempty"` // of RunStart
	Dir      string            `json:"dir,omitempty"`   // of RunStart: the study's folder
	Address  string            `json:"address,omitempty"`
	Key      cache.Key         `json:"key,omitzero"`
	Block    string            `json:"block,omitempty"`
	Trial    bool              `json:"trial,omitempty"` // the instance is a trial
	Progress pipeline.Progress `json:"progress,omitzero"`
	Seconds  float64           `json:"seconds,omitempty"`
	Error    string            `json:"error,omitempty"`
	Log      string            `json:"log,omitempty"`
}

// Journal appends the events of a run to a file, so that other processes can follow
// it. The file is bounded: a long run stops recording progress, never endings. It
// records what it can: a full disk does not fail a run.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	size  int64
	shown map[string]time.Time // by address, the last record of progress
}

// NewJournal makes the journal of a run of the study in dir, and removes the oldest
// journals of the folder.
func NewJournal(folder, study, dir string, now time.Time) (*Journal, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of journals: %w", err)
	}
	old, _ := filepath.Glob(filepath.Join(folder, "*.jsonl")) // the pattern is well-formed
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-maxJournals+1)] {
		os.Remove(name)
	}
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	name := fmt.Sprintf("%s-%s.jsonl", now.UTC().Format("20060102T150405.000"), hex.EncodeToString(nonce[:]))
	f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a journal: %w", err)
	}
	j := &Journal{file: f, shown: make(map[string]time.Time)}
	j.append(Record{Type: RunStart, Time: now.UTC(), Study: study, Dir: dir})
	return j, nil
}

// Observe records an event.
func (j *Journal) Observe(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := Record{Type: e.Type, Time: e.Time.UTC(), Address: e.Address.String(), Key: e.Key, Block: e.Block,
		Trial: e.Role == pipeline.Trial, Seconds: e.Elapsed.Seconds(), Log: e.LogPath}
	if e.Type == StageProgress {
		if j.size > maxJournal || e.Time.Sub(j.shown[r.Address]) < progressGap && e.Progress.Warning == "" {
			return
		}
		j.shown[r.Address] = e.Time
		r.Progress = e.Progress
	}
	if e.Err != nil {
		r.Error = e.Err.Error()
	}
	j.append(r)
}

// append writes a record as a line.
func (j *Journal) append(r Record) {
	line, err := json.Marshal(r)
	if err != nil { // a metric that is not a number
		r.Progress.Metrics = nil
		if line, err = json.Marshal(r); err != nil {
			return
		}
	}
	n, _ := j.file.Write(append(line, '\n'))
	j.size += int64(n)
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// LastFailures reads the journals in a folder, oldest first, and returns the last
// ending of each instance that failed and has not been computed or found since.
func LastFailures(folder string) (map[string]Record, error) {
	names, _ := filepath.Glob(filepath.Join(folder, "*.jsonl")) // the pattern is well-formed
	slices.Sort(names)
	out := make(map[string]Record)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading a journal: %w", err)
		}
		dec := json.NewDecoder(f)
		for {
			var r Record
			if dec.Decode(&r) != nil { // the last line may be half written
				break
			}
			switch r.Type {
			case StageFailed:
				out[r.Address] = r
			case StageDone, StageHit, StagePulled:
				delete(out, r.Address)
			}
		}
		f.Close()
	}
	return out, nil
}
