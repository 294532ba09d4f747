package run

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

const (
	maxJournals = 100         // the newest runs that are kept
	progressGap = time.Second // between two reports of progress of one instance
	gapDoubles  = 512 << 10   // bytes of a file, after which the gap doubles
)

// RunStart is the type of a journal's first record, which names the study.
const RunStart EventType = "run_start"

// Record is one line of a journal: an event of a run as data.
type Record struct {
	Type     EventType         `json:"type"`
	Time     time.Time         `json:"time"`
	Study    string            `json:"study,omitempty"` // of RunStart
	Dir      string            `json:"dir,omitempty"`   // of RunStart: the study's folder
	Plan     *Outline          `json:"plan,omitempty"`  // of RunStart; earlier versions recorded none
	Address  string            `json:"address,omitempty"`
	Key      cache.Key         `json:"key,omitzero"`
	Block    string            `json:"block,omitempty"`
	Trial    bool              `json:"trial,omitempty"` // the instance is a trial
	Progress pipeline.Progress `json:"progress,omitzero"`
	Seconds  float64           `json:"seconds,omitempty"`
	Error    string            `json:"error,omitempty"`
	Log      string            `json:"log,omitempty"`
}

// Outline is what a run planned, for processes that cannot plan the study themselves:
// it may be in another folder, or need variables.
type Outline struct {
	Replicate string     `json:"replicate,omitempty"` // the factor that repeats the experiment
	Response  string     `json:"response,omitempty"`  // the metric that its first analysis is about
	Part      bool       `json:"part,omitempty"`      // the run was of a part of the study
	Instances []Outlined `json:"instances,omitempty"`
}

// Outlined is one instance of an outline.
type Outlined struct {
	Address string         `json:"address"`
	Block   string         `json:"block"`
	Label   string         `json:"label,omitempty"`
	Levels  []string       `json:"levels,omitempty"` // labels of its levels, in the order of the address
	Trial   bool           `json:"trial,omitempty"`
	Key     cache.Key      `json:"key,omitzero"`
	Status  planner.Status `json:"status"`
	Done    float64        `json:"done,omitempty"` // of a trial to resume: the share of its work that is cached
}

// Journal appends the events of a run to a file, so that other processes can follow
// it. The longer the file, the less often it records progress, so that a run of weeks
// takes a few megabytes. It records what it can: a full disk does not fail a run.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	size  int64                // without the plan and records of waiting
	shown map[string]time.Time // the last record of progress, or of waiting, of each source
}

// NewJournal makes the journal of a run of the study in dir with what it planned, which
// may be nil, and removes the oldest journals of the folder.
func NewJournal(folder, study, dir string, plan *Outline, now time.Time) (*Journal, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of journals: %w", err)
	}
	old := Journals(folder)
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
	j.append(Record{Type: RunStart, Time: now.UTC(), Study: study, Dir: dir, Plan: plan})
	return j, nil
}

// Journals lists the journals in a folder, oldest first.
func Journals(folder string) []string {
	entries, _ := os.ReadDir(folder) // in order; a folder that does not exist has none
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".jsonl") {
			names = append(names, filepath.Join(folder, e.Name()))
		}
	}
	return names
}

// ReadRecords hands the records of a journal to each, until it returns false. It
// returns how many bytes of complete lines it has read: a last line without an end is
// still being written. Lines that a crash of the machine damaged are left out.
func ReadRecords(from io.Reader, each func(Record) bool) (complete int64, err error) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return complete, nil
		}
		if err != nil {
			return complete, err
		}
		complete += int64(len(line))
		var r Record
		if json.Unmarshal(line, &r) == nil && !each(r) {
			return complete, nil
		}
	}
}

// Observe records an event.
func (j *Journal) Observe(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := Record{Type: e.Type, Time: e.Time.UTC(), Address: e.Address.String(), Key: e.Key, Block: e.Block,
		Trial: e.Role == pipeline.Trial, Seconds: e.Elapsed.Seconds(), Log: e.LogPath}
	switch e.Type {
	case StageProgress:
		if j.tooSoon(progressSource(e), e.Time, ProgressGap(j.size)) {
			return
		}
		r.Progress = e.Progress
	case StageWaiting: // half the gap of the runner, so that none of its reports is left out
		if j.tooSoon(e.Address.String()+" waiting", e.Time, waitGap/2) {
			return
		}
	}
	if e.Err != nil {
		r.Error = e.Err.Error()
	}
	j.append(r)
}

// ProgressGap is the least time between two reports of progress that are written to a
// file of a size.
func ProgressGap(size int64) time.Duration { return progressGap << min(size/gapDoubles, 20) }

// progressSource is what a report of progress is about. Evaluations are rarer than other
// reports, and are not left out for one of them.
func progressSource(e Event) string {
	source := e.Address.String()
	if _, ok := e.Progress.Metrics["val_loss"]; ok {
		source += " evaluation"
	}
	if e.Progress.Warning != "" {
		source += " warning"
	}
	return source
}

// tooSoon reports whether a record is left out because its source has one.
func (j *Journal) tooSoon(source string, now time.Time, gap time.Duration) bool {
	if last, ok := j.shown[source]; ok && now.Sub(last) < gap {
		return true
	}
	j.shown[source] = now
	return false
}

// append writes a record as a line.
func (j *Journal) append(r Record) {
	r.Progress.Metrics = maps.Clone(r.Progress.Metrics)
	maps.DeleteFunc(r.Progress.Metrics, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	line, err := json.Marshal(r)
	if err != nil {
		return
	}
	n, _ := j.file.Write(append(line, '\n'))
	if r.Type != StageWaiting && r.Type != RunStart { // however long a task waits or a plan is, others report their progress
		j.size += int64(n)
	}
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
