package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/launch"
	"ablate/pipeline/planner"
)

func statusCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what is cached, running and left to do",
		Long: "status reads the store, the journals of runs and Slurm's queue. It says which instances are\n" +
			"cached, which a process is computing and how far it is, which wait in Slurm's queue, which failed\n" +
			"when last computed, and which are left." + exitCodes(""),
		Example: "  watch ablate status",
		Args:    noArgs,
		RunE:    does(s, statusRequest{}),
	}
}

// statusRequest asks for the state of every instance.
type statusRequest struct{}

func (statusRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.planned(ctx)
	if err != nil {
		return err
	}
	jobs := launchers{w}.liveJobs(ctx)
	logs := launch.Local{Logs: w.store.LogDir()}
	past, err := w.history()
	if err != nil {
		return err
	}
	counts := make(map[string]int)
	for _, t := range plan.Tasks {
		job := jobs[t.Key]
		e := view.Status{Address: t.Address.String(), Block: t.Block, State: w.state(t, job)}
		if failed, ok := past.failure(t); ok && (e.State == "left" || e.State == "waiting") {
			e.State, e.Failure = "failed", &failed
		}
		counts[e.State]++
		switch e.State {
		case "submitted":
			e.Job = job.Text
		case "running":
			e.Job, e.Log = job.Text, lastLine(logs.LogPath(t.Key))
			if job.Progress.Steps > 0 && !w.store.Locked(t.Key) { // no run records its progress
				e.Step, e.Steps, e.Metrics = &job.Progress.Step, &job.Progress.Steps, job.Progress.Metrics
			} else {
				past.progress(t, &e)
			}
		}
		s.show(e)
	}
	s.view().Text(statusLine(counts) + "\n")
	return nil
}

func (w *workspace) state(t *planner.Task, job launch.Job) string {
	switch {
	case t.Status == planner.Hit:
		return "cached"
	case t.Status == planner.Pending:
		return "waiting"
	case job.Text != "" && !job.Started:
		return "submitted"
	case job.Started || w.store.Locked(t.Key):
		return "running"
	}
	return "left"
}

// statusLine counts the instances in each state.
func statusLine(counts map[string]int) string {
	var parts []string
	for _, state := range []string{"cached", "running", "submitted", "failed", "left", "waiting"} {
		if state != "submitted" && state != "failed" || counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	return strings.Join(parts, ", ")
}
