package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ablate/pipeline/launch"
	"ablate/pipeline/planner"
)

func (g *globals) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say what is cached, running and left, also while a run is under way",
		Long: "status looks at the store and at Slurm's queue: which instances are cached, which some\n" +
			"process on this machine is computing right now, which wait or run in the cluster, which are left." + codes(""),
		Example: "  watch ablate status",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			g.status(w, plan)
			return nil
		},
	}
}

func (g *globals) status(w *workspace, plan *planner.Plan) {
	logs := launch.Local{Logs: w.store.LogDir()}
	states := []string{"cached", "running", "submitted", "left", "waiting"}
	jobs := g.live(w)
	counts := make(map[string]int)
	var b strings.Builder
	for _, s := range plan.Tasks {
		state := "left"
		switch {
		case s.Status == planner.Hit:
			state = "cached"
		case s.Status == planner.Pending:
			state = "waiting"
		case jobs[s.Key] != "":
			state = "submitted"
		case w.store.Locked(s.Key):
			state = "running"
		}
		counts[state]++
		o := map[string]any{"type": "status", "address": s.Address.String(), "block": s.Block, "state": state}
		if state == "submitted" {
			o["job"] = jobs[s.Key]
			fmt.Fprintf(&b, "  submitted  %s\n           %s\n", s.Address, jobs[s.Key])
		}
		if state == "running" {
			line := lastLine(logs.LogPath(s.Key))
			o["log"] = line
			fmt.Fprintf(&b, "  running  %s\n           %s\n", s.Address, line)
		}
		g.view().Object(o)
	}
	var parts []string
	for _, state := range states {
		if state == "submitted" && counts[state] == 0 {
			continue
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	g.view().Text(b.String() + strings.Join(parts, ", ") + "\n")
}

// lastLine is the end of a log, "" when there is none.
func lastLine(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return lines[len(lines)-1]
}
