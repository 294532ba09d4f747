package run

import (
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// EventType is the kind of an Event.
type EventType string

// What can happen to a task during a run.
const (
	StageStart    EventType = "stage_start"
	StageWaiting  EventType = "stage_waiting" // another process is computing the same key
	StageProgress EventType = "stage_progress"
	StageDone     EventType = "stage_done"
	StageHit      EventType = "stage_hit"    // found in the store once its key was known
	StagePulled   EventType = "stage_pulled" // copied from a remote
	StageFailed   EventType = "stage_failed"
	StageRetry    EventType = "stage_retry"
	StageDetached EventType = "stage_left" // still running on its executor, without this process
)

// Event is one thing that happened during a run. Events are data; views render
// them.
type Event struct {
	Type     EventType
	Time     time.Time
	Address  addr.Instance
	Key      cache.Key
	Block    string
	Role     pipeline.Role
	Label    string
	Progress pipeline.Progress // of StageProgress
	Elapsed  time.Duration     // of StageDone, StagePulled and StageFailed
	Err      error             // of StageFailed and StageRetry; may carry a diag.List
	LogPath  string            // of StageFailed, where there is a log
}
