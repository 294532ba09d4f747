package view

import (
	"fmt"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline/run"
)

// StageEvent reports what happens to an instance during a run. Progress draws it for
// people.
type StageEvent struct {
	Type    run.EventType      `json:"-"`
	Address string             `json:"address" doc:"the instance"`
	Block   string             `json:"block" doc:"its block"`
	Step    *int               `json:"step,omitempty" doc:"training steps done"`
	Steps   *int               `json:"steps,omitempty" doc:"training steps in all"`
	Metrics map[string]float64 `json:"metrics,omitempty" doc:"latest values, such as loss and tokens_per_second"`
	Seconds *float64           `json:"seconds,omitempty" doc:"how long it took"`
	Waits   string             `json:"waits,omitempty" doc:"what it waits for before it starts, or starts again"`
	Warning string             `json:"warning,omitempty" doc:"a warning of the stage"`
	Error   string             `json:"error,omitempty" doc:"why it failed"`
	Log     string             `json:"log,omitempty" doc:"the file with its log"`
}

func (e StageEvent) kind() string { return string(e.Type) }

func stageEvent(e run.Event) StageEvent {
	o := StageEvent{
		Type: e.Type, Address: e.Address.String(), Block: e.Block,
		Metrics: e.Progress.Metrics, Log: e.LogPath, Waits: e.Progress.Waits, Warning: e.Progress.Warning,
	}
	switch e.Type {
	case run.StageProgress:
		if e.Progress.Steps > 0 {
			o.Step, o.Steps = &e.Progress.Step, &e.Progress.Steps
		}
	case run.StageDone, run.StagePulled, run.StageFailed:
		o.Seconds = new(e.Elapsed.Seconds())
	}
	if e.Err != nil {
		o.Error = e.Err.Error()
	}
	return o
}

// Frozen reports declared contrasts that were written into the lock file.
type Frozen struct {
	Address   string `json:"address" doc:"the analysis"`
	Known     int    `json:"known" doc:"trials that had a result by then"`
	Trials    int    `json:"trials" doc:"trials in all"`
	Contrasts int    `json:"contrasts" doc:"number of contrasts"`
}

func (Frozen) kind() string { return "frozen" }

func (e Frozen) remark() string {
	return fmt.Sprintf("Froze %s of %s in %s, with %d of %d trials finished. Commit that file.",
		Count(e.Contrasts, "contrast"), e.Address, study.LockFile, e.Known, e.Trials)
}

// Summary counts the instances of a run, by block.
type Summary struct {
	Ran     map[string]int  `json:"ran" doc:"computed"`
	Hit     map[string]int  `json:"hit" doc:"cached"`
	Pulled  map[string]int  `json:"pulled" doc:"of the cached ones: pulled from the remote"`
	Failed  map[string]int  `json:"failed" doc:"failed"`
	Left    map[string]int  `json:"left,omitempty" doc:"detached; still running on their executor"`
	Skipped map[string]int  `json:"skipped" doc:"not run, because something that they need failed or the run was interrupted"`
	Elapsed time.Duration   `json:"-"`
	Trials  run.TrialCounts `json:"-"`
	Stopped bool            `json:"-"` // at the first failure, with tasks left that do not depend on it
}

// SummaryOf describes how a run ended.
func SummaryOf(s run.Summary, elapsed time.Duration) Summary {
	return Summary{Ran: s.Ran, Hit: s.Hit, Pulled: s.Pulled, Failed: s.Failed, Left: s.Detached, Skipped: s.Skipped, Elapsed: elapsed, Trials: s.Trials}
}

func (Summary) kind() string { return "summary" }

// Line says in words how the run ended.
func (e Summary) Line() string { return e.remark() }

func (e Summary) remark() string {
	cached := fmt.Sprintf("%d cached", e.Trials.Hit)
	if n := run.Total(e.Pulled); n > 0 {
		cached += fmt.Sprintf(" (%s pulled, %d of them trials)", Count(n, "instance"), e.Trials.Pulled)
	}
	if n := e.Trials.Assembled; n > 0 {
		cached = fmt.Sprintf("%d made from cached steps, %s", n, cached)
	}
	line := fmt.Sprintf("%s trained, %s, in %s.", Count(e.Trials.Ran, "trial"), cached, Duration(e.Elapsed))
	if n := run.Total(e.Failed); n > 0 {
		line = fmt.Sprintf("%s failed, %s skipped as a result. %s", Count(n, "instance"), Count(run.Total(e.Skipped), "instance"), line)
		if e.Stopped {
			line += "\nThe run stopped at the first failure. Use --keep-going to run everything that does not depend on it."
		}
	}
	return line
}

// Uploaded reports what a run sent to the remote.
type Uploaded struct {
	Remote  string `json:"remote" doc:"URL of the remote"`
	Entries int    `json:"entries" doc:"entries that were sent"`
	Blobs   int    `json:"blobs" doc:"blobs that were sent"`
	Bytes   int64  `json:"bytes" doc:"bytes that were sent"`
	Failed  int    `json:"failed" doc:"entries that could not be sent"`

	Name string  `json:"-"` // of the remote, for people
	Err  error   `json:"-"` // of the first that failed
	Kept []error `json:"-"` // the remote has other results, and keeps them
}

func (Uploaded) kind() string { return "pushed" }

func (e Uploaded) remark() string {
	s := ""
	if e.Entries > 0 {
		s = fmt.Sprintf("Pushed %s (%s) to %s.", entries(e.Entries), Size(e.Bytes), e.Name)
	}
	if len(e.Kept) > 0 {
		if s != "" {
			s += "\n"
		}
		s += fmt.Sprintf("The remote keeps what it has for %s: %v", entries(len(e.Kept)), e.Kept[0])
	}
	if e.Failed > 0 {
		if s != "" {
			s += "\n"
		}
		s += fmt.Sprintf("%s could not be pushed: %v\nThe local store has %s; push again with ablate cache push.",
			entries(e.Failed), e.Err, them(e.Failed))
	}
	return s
}

// Pulls compares the cost of a run's pulls with the cost of computing.
type Pulls struct {
	Instances     int     `json:"instances" doc:"instances that were pulled"`
	Seconds       float64 `json:"seconds" doc:"how long pulling took"`
	ComputingTook float64 `json:"computing_took" doc:"how many seconds they took to compute"`
}

func (Pulls) kind() string { return "pulls" }

func (e Pulls) remark() string {
	verb, saved := "saved", e.ComputingTook-e.Seconds
	if saved < 0 {
		verb, saved = "lost", -saved
	}
	return fmt.Sprintf("Pulling %s took %s; computing %s took %s. The remote %s %s.", Count(e.Instances, "instance"),
		Seconds(e.Seconds), them(e.Instances), Seconds(e.ComputingTook), verb, Seconds(saved))
}

// Repeated reports what the repetition of a cached instance found.
type Repeated struct {
	Address  string         `json:"address" doc:"the instance"`
	Key      cache.Key      `json:"key" doc:"its key"`
	Evidence cache.Evidence `json:"evidence" doc:"the comparison with the stored result"`
	Text     string         `json:"-"` // over all repetitions
}

func (Repeated) kind() string { return "repeated" }

func (e Repeated) text() string { return fmt.Sprintf("%s\n  %s\n", e.Address, e.Text) }
