package view

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/pipeline/planner"
)

// Event is one thing that a command says: an object for programs with --json,
// text for people without. Events are data; what they look like stands here.
type Event interface {
	kind() string // the field "type" of the object
	text() string // for people; "" says nothing
}

// Valid says that a study has no mistakes.
type Valid struct {
	Study     string `json:"study"`
	Instances int    `json:"instances"`
}

func (Valid) kind() string { return "valid" }

func (e Valid) text() string {
	return "The study " + e.Study + " is valid: " + plural(e.Instances, "instance") + ".\n"
}

// Explanation says why an instance is cached or would run.
type Explanation struct {
	Address string           `json:"address"`
	Action  planner.Status   `json:"action"`
	Reason  string           `json:"reason"`
	Key     *cache.Key       `json:"key,omitempty"`     // absent while it is not known
	Nearest *cache.Key       `json:"nearest,omitempty"` // the entry that the changes are measured from
	Changes []planner.Change `json:"changes"`
}

func (Explanation) kind() string { return "explanation" }

func (e Explanation) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s: %s\n", e.Address, e.Action, e.Reason)
	if e.Key != nil {
		fmt.Fprintf(&b, "  key %s\n", e.Key)
	}
	if e.Nearest == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "\nAgainst the nearest other entry, %s…:\n\n", e.Nearest.String()[:12])
	for _, c := range e.Changes {
		switch {
		case c.Code && c.Part != "":
			fmt.Fprintf(&b, "  the %s's fingerprint changed, in the part %q\n", c.Path, c.Part)
		case c.Code:
			fmt.Fprintf(&b, "  the %s's fingerprint changed\n", c.Path)
		default:
			fmt.Fprintf(&b, "  %-28s %s → %s\n", c.Path, c.Was, c.Now)
		}
	}
	return b.String()
}

// Show says something, in the form that the user asked for.
func (v *View) Show(e Event) {
	if v.opts.JSON {
		v.Object(typed{e})
		return
	}
	v.Text(e.text())
}

// typed is an event as a line of JSON: its type first, then its fields.
type typed struct{ Event }

// MarshalJSON implements json.Marshaler.
func (o typed) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(o.Event)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("{\"type\":%q", o.kind())
	if len(raw) > len("{}") {
		head += ","
	}
	return append([]byte(head), raw[1:]...), nil
}

// events lists what there is, for the schema.
var events = []Event{Valid{}, Explanation{}}

// Schema lists the events and their fields, one a line: "type field kind", with
// a question mark behind fields that may be absent. It is what --json promises.
func Schema() string {
	var lines []string
	for _, e := range events {
		t := reflect.TypeOf(e)
		for i := range t.NumField() {
			name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if option == "omitempty" {
				name += "?"
			}
			lines = append(lines, fmt.Sprintf("%s %s %s", e.kind(), name, t.Field(i).Type))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
