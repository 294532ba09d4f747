// Package launch runs actions in processes of their own: ablate exec on this
// machine, over ssh, or in the allocations of a Slurm cluster. A crash, an
// out-of-memory kill or a native fault takes down one action, not the study.
//
// The truth about an action is its published entry, never what a queue says.
// Publishing is create-if-absent, so a process that was given up and comes back
// cannot change a result.
//
// The protocol: the parent writes the request to the child's stdin as one line
// of JSON and keeps the pipe open. The child answers on stdout, one JSON
// message a line, and logs to stderr. After an action of a program of the
// user's, another request may follow. When stdin ends, because the parent closes
// it or dies, the child stops cleanly.
package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ablate/hcl/diag"
	"ablate/pipeline"
)

// message is one line of a child's answer: exactly one field is set.
type message struct {
	Progress *pipeline.Progress `json:"progress,omitempty"`
	Done     *struct{}          `json:"done,omitempty"`
	Stopped  *struct{}          `json:"stopped,omitempty"` // it was asked to, and kept what it had reached
	Failed   *failure           `json:"failed,omitempty"`
}

// errStopped is why an action ended early, neither done nor failed.
var errStopped = errors.New("stopped before its end; what it had reached is kept")

// failure is an error on its way to the parent.
type failure struct {
	Text        string    `json:"text"`
	Diagnostics diag.List `json:"diagnostics,omitempty"`
}

func newFailure(err error) *failure {
	f := &failure{Text: err.Error()}
	f.Diagnostics, _ = diag.From(err)
	return f
}

func (f *failure) err() error {
	if err := f.Diagnostics.Err(); err != nil {
		return err
	}
	return errors.New(f.Text)
}

// readMessages hands each line to take until the stream ends.
func readMessages(r io.Reader, take func(message)) error {
	dec := json.NewDecoder(r)
	for {
		var m message
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the child's answer: %w", err)
		}
		take(m)
	}
}
