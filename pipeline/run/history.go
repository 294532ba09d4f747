package run

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"ablate/cache/fsys"
)

// maxHistory is how many bytes of journals, newest first, a history reads.
const maxHistory = 32 << 20

// Past is what the journals say of one instance.
type Past struct {
	Failure *Record            // the last ending, where that is a failure
	Step    int                // the last step that was reported
	Steps   int                // in all
	Metrics map[string]float64 // the last value of each metric
	first   reading            // of the last attempt
	last    reading
}

// reading is when a step was reported.
type reading struct {
	step int
	time time.Time
}

// Left estimates how long the rest of the steps take, from the speed since the last
// start.
func (p Past) Left(now time.Time) (left time.Duration, ok bool) {
	done := p.last.step - p.first.step
	if done <= 0 || p.Steps <= p.last.step {
		return 0, false
	}
	took := p.last.time.Sub(p.first.time)
	left = time.Duration(float64(took) / float64(done) * float64(p.Steps-p.last.step))
	return max(0, left-now.Sub(p.last.time)), true
}

// History reads the journals in a folder that belong to the study in dir, and returns
// what they say of each instance, by address.
func History(folder, study, dir string) (map[string]Past, error) {
	out := make(map[string]Past)
	for _, name := range recent(folder) {
		if err := readJournal(name, study, dir, out); err != nil {
			return nil, fmt.Errorf("reading the journal of a run: %w", err)
		}
	}
	return out, nil
}

// recent lists the newest journals of a folder, oldest first.
func recent(folder string) []string {
	names := Journals(folder)
	size := int64(0)
	for i, name := range slices.Backward(names) {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
		if size > maxHistory {
			return names[min(i+1, len(names)-1):] // at least the newest
		}
	}
	return names
}

// readJournal adds one journal to a history, if it is of the study.
func readJournal(name, study, dir string, to map[string]Past) error {
	f, err := fsys.OpenRegular(name)
	if os.IsNotExist(err) { // collected meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = ReadRecords(f, func(r Record) bool {
		if r.Type == RunStart && (r.Study != study || r.Dir != dir) {
			return false
		}
		if r.Address != "" {
			to[r.Address] = to[r.Address].after(r)
		}
		return true
	})
	return err
}

// after is the past once a record happened.
func (p Past) after(r Record) Past {
	switch r.Type {
	case StageStart:
		return Past{first: reading{-1, r.Time}, Failure: p.Failure}
	case StageProgress:
		return p.advanced(r)
	case StageFailed:
		p.Failure = &r
	case StageDone, StageHit, StagePulled:
		p.Failure = nil
	}
	return p
}

// advanced adds a report of progress.
func (p Past) advanced(r Record) Past {
	if r.Progress.Warning != "" || r.Progress.Steps == 0 {
		return p
	}
	p.last = reading{r.Progress.Step, r.Time}
	if p.first.step < 0 {
		p.first = p.last
	}
	p.Step, p.Steps = r.Progress.Step, r.Progress.Steps
	merged := maps.Clone(p.Metrics) // a report need not repeat every metric
	if merged == nil {
		merged = make(map[string]float64)
	}
	maps.Copy(merged, r.Progress.Metrics)
	p.Metrics = merged
	return p
}
