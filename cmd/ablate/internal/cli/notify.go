package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/diag"
	"ablate/pipeline/run"
)

// notifyLimit is how long a notification may take.
const notifyLimit = 30 * time.Second

// notify starts the program that the user's configuration names for the end of a run,
// without a shell. The program learns of the run from its environment. If it fails, the
// user is warned, and the run ends as it would have.
func notify(ctx context.Context, w *workspace, summary view.Summary, failure error) {
	c, err := w.session.config()
	if err != nil || ctx.Err() != nil { // a person who interrupts a run does not need to be notified
		return
	}
	command, outcome := c.OnFinish, "finished"
	var failed *run.FailedError
	if errors.As(failure, &failed) || failure != nil && !errors.As(failure, new(exitError)) {
		command, outcome = c.OnFailure, "failed"
	}
	if len(command) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	p := exec.CommandContext(ctx, command[0], command[1:]...)
	p.Env = append(slices.Clone(w.session.app.Environ), "ABLATE_STUDY="+w.graph.Study.Name, "ABLATE_FOLDER="+w.graph.Study.Dir,
		"ABLATE_OUTCOME="+outcome, "ABLATE_SUMMARY="+summary.Line())
	p.WaitDelay = time.Second
	var said bytes.Buffer
	p.Stdout, p.Stderr = &said, &said
	if err := p.Run(); err != nil {
		text := fmt.Sprintf("%s failed: %v.", command[0], err)
		if said.Len() > 0 {
			text += "\n\n    " + lastShown(said.String())
		}
		w.session.view().Diagnostics(diag.Warningf(nil, "Notification failed", "%s", text))
	}
}
