// Package launch runs actions in processes of their own: ablate exec on this
// machine, over ssh, or in the allocations of a Slurm cluster. A crash, an
// out-of-memory kill or a native fault takes down one action, not the study.
//
// Only a published entry proves that an action is done, never the state of a queue.
// Publishing is create-if-absent, so a process that was given up and returns cannot
// change a result.
//
// The protocol: the parent writes the request to the child's stdin as one line of
// JSON and keeps the pipe open. The child answers on stdout with one JSON message
// per line, the first when it has read the request, and logs to stderr. A child that supervises a user program, or that keeps
// what it prepared, may be sent another request afterwards. The log of an action ends
// where the next request names another file, or with a text that the request contains.
// When stdin ends, because the parent closes it or dies, the child stops cleanly: it
// saves its progress and exits. It exits within two minutes, whatever it computes.
package launch

import (
	"errors"
	"fmt"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// message is one line of a child's answer: exactly one field is set.
type message struct {
	Started  *struct{}          `json:"started,omitempty"` // the child has read the request
	Progress *pipeline.Progress `json:"progress,omitempty"`
	Done     *struct{}          `json:"done,omitempty"`
	Stopped  *struct{}          `json:"stopped,omitempty"` // on request, having saved its progress
	Failed   *failure           `json:"failed,omitempty"`
}

// ErrStopped is why actions ended early, neither done nor failed.
var ErrStopped = errors.New("stopped early; its progress is saved")

// failure is an error in the form in which it is sent to the parent.
type failure struct {
	Text        string    `json:"text"`
	Final       bool      `json:"final,omitempty"` // a run.FinalError
	Diagnostics diag.List `json:"diagnostics,omitempty"`
}

func newFailure(err error) *failure {
	var final run.FinalError
	f := &failure{Text: err.Error(), Final: errors.As(err, &final)}
	f.Diagnostics, _ = diag.From(err)
	return f
}

func (f *failure) err() error {
	if err := f.Diagnostics.Err(); err != nil {
		return err
	}
	if f.Final {
		return finalf("%s", f.Text)
	}
	return errors.New(f.Text)
}

// finalf is fmt.Errorf for what another attempt would only repeat.
func finalf(format string, args ...any) error {
	return run.FinalError{Err: fmt.Errorf(format, args...)}
}
