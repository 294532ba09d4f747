package view

import (
	"fmt"
	"strings"

	"ablate/cache"
	"ablate/pipeline/planner"
)

// PlanStep reports an instance and what a run does with it.
type PlanStep struct {
	Address string           `json:"address" doc:"the instance"`
	Block   string           `json:"block" doc:"its block, such as train"`
	Action  planner.Status   `json:"action" doc:"hit, pull, resume, run, same or pending"`
	Reason  string           `json:"reason" doc:"why"`
	Key     *string          `json:"key" doc:"its key; null while it is pending"`
	Changes []planner.Change `json:"changes,omitempty" doc:"what differs from the nearest cached result"`
}

func (PlanStep) kind() string { return "plan_step" }

// text is a line of the list that show prints.
func (e PlanStep) text() string { return fmt.Sprintf("%-8s %s\n", e.Action, e.Address) }

// PlanStepOf describes a task of a plan.
func PlanStepOf(s *planner.Task) PlanStep {
	e := PlanStep{Address: s.Address.String(), Block: s.Block, Action: s.Status, Reason: s.Reason.Text, Changes: s.Reason.Changes}
	if !s.Key.IsZero() {
		k := s.Key.String()
		e.Key = &k
	}
	return e
}

// Saved reports the training time that the cache saves.
type Saved struct {
	Trials    int     `json:"trials" doc:"cached trials, each key counted once"`
	Seconds   float64 `json:"seconds" doc:"how long they took to train"`
	Estimated bool    `json:"estimated,omitempty" doc:"extrapolated from a sample of the trials"`
}

func (Saved) kind() string { return "saved" }

func (e Saved) text() string {
	about := ""
	if e.Estimated {
		about = "about "
	}
	return fmt.Sprintf("The cache saves %s, %s%s of training.\n", Count(e.Trials, "trial"), about, Seconds(e.Seconds))
}

// Estimate reports how long the trials of a plan will train.
type Estimate struct {
	Trials  int     `json:"trials" doc:"trials to train, of those that can be estimated"`
	Seconds float64 `json:"seconds" doc:"training time of all of them together"`
	Jobs    int     `json:"jobs" doc:"how many run at a time on this machine"`
	Samples int     `json:"samples" doc:"cached trials that the estimate is based on"`
	Of      int     `json:"of" doc:"trials to train in all"`
	ByTime  bool    `json:"by_time,omitempty" doc:"based on the time of the same stages' trials, whose arithmetic is not known"`
}

func (Estimate) kind() string { return "estimate" }

func (e Estimate) text() string {
	trials := Count(e.Trials, "trial")
	if e.Trials < e.Of {
		trials = fmt.Sprintf("%d of %d trials", e.Trials, e.Of)
	}
	line := fmt.Sprintf("Estimated training time of %s: about %s", trials, Seconds(e.Seconds))
	if e.Jobs > 1 {
		line += fmt.Sprintf(", or %s with %d at a time", Seconds(e.Seconds/float64(e.Jobs)), e.Jobs)
	}
	if e.ByTime {
		return line + fmt.Sprintf(" (from the time of %s of this study).\n", Count(e.Samples, "cached trial"))
	}
	return line + fmt.Sprintf(" (from the FLOP per second of %s on this machine).\n", Count(e.Samples, "cached trial"))
}

// Explanation reports why an instance is cached or not.
type Explanation struct {
	Address string           `json:"address" doc:"the instance"`
	Action  planner.Status   `json:"action" doc:"hit, pull, resume, run, same or pending"`
	Reason  string           `json:"reason" doc:"why"`
	Key     *cache.Key       `json:"key,omitempty" doc:"its key; absent while it is pending"`
	Nearest *cache.Key       `json:"nearest,omitempty" doc:"the entry that it is compared with"`
	Changes []planner.Change `json:"changes" doc:"what differs from that entry"`

	Study string   `json:"-"` // that computed the nearest entry, if it is another one
	Twins []string `json:"-"` // other instances of the study with the same key
}

func (Explanation) kind() string { return "explanation" }

func (e Explanation) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s: %s\n", e.Address, e.Action, e.Reason)
	if e.Key != nil {
		fmt.Fprintf(&b, "  key %s\n", e.Key)
	}
	for _, twin := range e.Twins {
		fmt.Fprintf(&b, "  the same computation as %s\n", twin)
	}
	if e.Nearest == nil {
		return b.String()
	}
	of := ""
	if e.Study != "" {
		of = fmt.Sprintf(", of study %q", e.Study)
	}
	fmt.Fprintf(&b, "\nCompared with the nearest other entry, %s…%s:\n\n", ShortKey(*e.Nearest), of)
	for _, c := range e.Changes {
		switch {
		case c.Code && c.Part != "":
			fmt.Fprintf(&b, "  the computation %q differs in the part %q, by its fingerprint\n", c.Path, c.Part)
		case c.Code:
			fmt.Fprintf(&b, "  the computation %q differs, by its fingerprint\n", c.Path)
		default:
			b.WriteString(changeLine(c))
		}
	}
	return b.String()
}

// ShortKey is the beginning of a key, which is enough for people.
func ShortKey(k cache.Key) string {
	const digits = 12
	return k.String()[:digits]
}

// changeLine is one changed ingredient in a list of them.
func changeLine(c planner.Change) string {
	return fmt.Sprintf("  %-28s %s → %s\n", c.Path, c.Was, c.Now)
}

// PlanDifference reports an instance that differs between two plans.
type PlanDifference struct {
	Address    string `json:"address" doc:"the instance"`
	Difference string `json:"difference" doc:"what differs, for people"`
	Mark       string `json:"-"` // +, - or ~
}

func (PlanDifference) kind() string { return "plan_difference" }

func (e PlanDifference) text() string {
	return fmt.Sprintf("%s %s  %s\n", e.Mark, e.Address, e.Difference)
}
