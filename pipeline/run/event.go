package run

import (
	"time"

	"ablate/hcl/addr"
	"ablate/pipeline"
)

// EventType names what happened.
type EventType string

// What can happen to a step during a run.
const (
	StageStart    EventType = "stage_start"
	StageWaiting  EventType = "stage_waiting" // another process is computing the same key
	StageProgress EventType = "stage_progress"
	StageDone     EventType = "stage_done"
	StageHit      EventType = "stage_hit"    // found in the store once its key was known
	StagePulled   EventType = "stage_pulled" // brought here from a remote
	StageFailed   EventType = "stage_failed"
	StageRetry    EventType = "stage_retry"
	StageLeft     EventType = "stage_left" // its executor computes it without us
)

// Event is one thing that happened during a run. Progress is data; views draw
// it.
type Event struct {
	Type     EventType
	Time     time.Time
	Address  addr.Instance
	Block    string
	Role     pipeline.Role
	Label    string
	Progress pipeline.Progress // of StageProgress
	Elapsed  time.Duration     // of StageDone, StagePulled and StageFailed
	Err      error             // of StageFailed and StageRetry; may carry a diag.List
	LogPath  string            // of StageFailed, where there is one
}

// Summary counts by block how a run ended.
type Summary struct {
	Trials TrialCounts `json:"-"`

	Ran     map[string]int `json:"ran"`
	Hit     map[string]int `json:"hit"`
	Pulled  map[string]int `json:"pulled"` // of those hit: brought from a remote
	Failed  map[string]int `json:"failed"`
	Left    map[string]int `json:"left,omitempty"` // handed to an executor that computes them without us
	Skipped map[string]int `json:"skipped"`        // not run because something they need failed, or the run was stopped
}

// TrialCounts is how many of the tasks in a summary are trials.
type TrialCounts struct{ Ran, Hit, Pulled int }

// Total adds a count over all blocks.
func Total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
