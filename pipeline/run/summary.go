package run

import (
	"fmt"

	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// Summary counts by block how a run ended.
type Summary struct {
	Trials TrialCounts `json:"-"`

	Ran      map[string]int `json:"ran"`
	Hit      map[string]int `json:"hit"`
	Pulled   map[string]int `json:"pulled"` // of the hits, those copied from a remote
	Failed   map[string]int `json:"failed"`
	Detached map[string]int `json:"left,omitempty"` // still running on their executors
	Skipped  map[string]int `json:"skipped"`        // not run because a dependency failed, or the run was stopped
}

// TrialCounts is how many of the tasks in a summary are trials. Ran are those that were
// trained, Assembled those whose steps were all cached, and only read or evaluated anew.
type TrialCounts struct{ Ran, Assembled, Hit, Pulled int }

// Total adds a count over all blocks.
func Total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// FailedError says that tasks of a run failed. Each was reported as an event.
type FailedError struct {
	Failed  []*planner.Task
	Stopped bool // the run left tasks that do not depend on them
}

func (e *FailedError) Error() string {
	if len(e.Failed) == 1 {
		return e.Failed[0].Address.String() + " failed"
	}
	return fmt.Sprintf("%d instances failed", len(e.Failed))
}

// summary counts how the run ended, and says whether tasks failed. What is still to do
// was stopped.
func (x *execution) summary() (Summary, *FailedError) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var failed *FailedError
	if len(x.failed) > 0 {
		failed = &FailedError{Failed: x.failed, Stopped: len(x.todo) > 0}
	}
	for t := range x.todo {
		x.skipped = append(x.skipped, t)
	}
	assembled := 0
	for _, t := range x.ran {
		if t.Role == pipeline.Trial && t.Survey.Done >= 1 {
			assembled++
		}
	}
	return Summary{
		Trials:   TrialCounts{Ran: trials(x.ran) - assembled, Assembled: assembled, Hit: trials(x.hit), Pulled: trials(x.pulled)},
		Ran:      byBlock(x.ran),
		Hit:      byBlock(x.hit),
		Pulled:   byBlock(x.pulled),
		Failed:   byBlock(x.failed),
		Detached: byBlock(x.detached),
		Skipped:  byBlock(x.skipped),
	}, failed
}

func byBlock(tasks []*planner.Task) map[string]int {
	counts := make(map[string]int)
	for _, t := range tasks {
		counts[t.Block]++
	}
	return counts
}

func trials(tasks []*planner.Task) int {
	n := 0
	for _, t := range tasks {
		if t.Role == pipeline.Trial {
			n++
		}
	}
	return n
}
