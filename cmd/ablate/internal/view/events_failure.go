package view

import (
	"fmt"
	"strings"
	"time"
)

// Failure reports that the last attempt to compute an instance failed.
type Failure struct {
	Address string    `json:"address" doc:"the instance"`
	Time    time.Time `json:"time" doc:"when it failed"`
	Error   string    `json:"error" doc:"the last line of the error"`
	Log     string    `json:"log,omitempty" doc:"the file with its log"`
}

func (Failure) kind() string { return "failure" }

// line says when and why the instance failed.
func (e Failure) line() string {
	return fmt.Sprintf("failed on %s: %s", e.Time.Local().Format("2006-01-02 15:04"), e.Error)
}

// Failures prints the instances whose last attempt failed.
func (v *View) Failures(list []Failure) {
	const most = 5
	if len(list) == 0 {
		return
	}
	if v.opts.JSON {
		for _, e := range list {
			v.Show(e)
		}
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s failed when last computed:\n", Count(len(list), "instance"))
	for _, e := range list[:min(most, len(list))] {
		fmt.Fprintf(&b, "  %s %s\n      %s\n", v.paint(red, "✗"), e.Address, e.line())
	}
	if more := len(list) - most; more > 0 {
		fmt.Fprintf(&b, "  … and %d more; ablate status lists them\n", more)
	}
	b.WriteString("\n")
	v.Text(b.String())
}
