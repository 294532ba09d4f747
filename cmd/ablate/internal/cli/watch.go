package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/ui"
	"ablate/cmd/ablate/internal/view"
)

func watchCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Follow a run in the terminal",
		Long: "watch shows the cells of the study with their trials and curves, the running trials and the\n" +
			"failures, and updates them during the run, in whichever process it runs. Press Ctrl-C to stop\n" +
			"watching; this does not stop the run. Without a terminal, watch prints the screen once." + exitCodes(""),
		Example: "  ablate watch --chdir examples/coupling --var corpus=text.txt",
		Args:    noArgs,
		RunE:    does(s, watchRequest{}),
	}
}

// watchRequest asks to follow the study in the terminal.
type watchRequest struct{}

func (watchRequest) do(ctx context.Context, s *session) error {
	if s.json {
		return errors.New("watch draws for people: use ablate status --json")
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	screen := s.view().NewScreen()
	defer screen.Close()
	return ui.Follow(ctx, ui.Options{Store: store, Plan: s.planForPage}, func(shot ui.Snapshot) bool {
		return screen.Draw(watchedOf(shot))
	})
}

// marks show the states of trials.
var marks = map[ui.State]string{
	ui.Cached: "✓", ui.Running: "▶", ui.Detached: "▷", ui.Failed: "✗", ui.Stopped: "■", ui.Waiting: "…", ui.Left: "○",
}

var stateWords = []struct {
	state ui.State
	word  string
}{{ui.Running, "running"}, {ui.Detached, "detached"}, {ui.Failed, "failed"}, {ui.Stopped, "stopped"}, {ui.Waiting, "waiting"}, {ui.Left, "to do"}}

// watchedOf groups the trials of a study by cell.
func watchedOf(shot ui.Snapshot) view.Watched {
	w := view.Watched{Study: shot.Study.Name, Metric: shot.Curves.Metric, Problem: shot.Study.Problem}
	var trials []*ui.Instance
	for _, i := range shot.Study.Instances {
		if i.State == ui.Failed {
			w.Failures = append(w.Failures, view.Failure{Address: i.Address, Error: lastShown(i.Error)})
		}
		if !i.Trial {
			continue
		}
		trials = append(trials, i)
		if i.State == ui.Running || i.State == ui.Detached {
			t := view.WatchedTrial{Name: runningName(i), Step: i.Step, Steps: i.Steps, Metrics: i.Metrics}
			if i.Left != nil && *i.Left >= 1 {
				t.Left = view.Seconds(*i.Left)
			}
			w.Running = append(w.Running, t)
		}
	}
	w.Factors, w.Cells = cellsOf(trials, shot)
	w.Counts = countsOf(trials, shot.Study.Partial)
	if n := shot.Study.Others; n > 0 {
		w.Counts += fmt.Sprintf(". Not shown: %s of another version of the study (edited since, or other variables)", view.Count(n, "running trial"))
	}
	if left := shot.Study.Remaining; left != nil && *left >= 1 {
		w.Left = view.Seconds(*left)
	}
	return w
}

// runningName names a trial by its levels, or by its address if it has none.
func runningName(i *ui.Instance) string {
	var levels []view.Level
	for _, f := range i.Factors {
		levels = append(levels, view.Level{Factor: f.Name, Text: f.Level, Label: f.Label})
	}
	return cmp.Or(view.TrialName(levels), i.Address)
}

// countsOf counts trials by their states, and imported runs. With partial, the study may have
// more trials.
func countsOf(trials []*ui.Instance, partial bool) string {
	own, counts := 0, make(map[ui.State]int)
	for _, i := range trials {
		if !i.Imported {
			own++
			counts[i.State]++
		}
	}
	imported := len(trials) - own
	var parts []string
	switch {
	case partial:
		parts = append(parts, view.Count(counts[ui.Cached], "trial")+" done")
	case own > 0 || imported == 0:
		parts = append(parts, fmt.Sprintf("%d of %s done", counts[ui.Cached], view.Count(own, "trial")))
	}
	if imported > 0 {
		parts = append(parts, view.Count(imported, "imported run"))
	}
	for _, x := range stateWords {
		if n := counts[x.state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, x.word))
		}
	}
	return strings.Join(parts, ", ")
}

// cellsOf sorts trials into cells by all factors but the replicate, and by stage where there are
// several: cells of different stages may have the same levels.
func cellsOf(trials []*ui.Instance, shot ui.Snapshot) (factors []string, out []view.WatchedCell) {
	compared := func(i *ui.Instance) []ui.Factor {
		replicate := cmp.Or(i.Replicate, shot.Study.Replicate, "seed")
		return slices.DeleteFunc(slices.Clone(i.Factors), func(f ui.Factor) bool { return f.Name == replicate })
	}
	for _, i := range trials {
		for _, f := range compared(i) {
			if !slices.Contains(factors, f.Name) {
				factors = append(factors, f.Name)
			}
		}
	}
	curves := make(map[string]ui.Curve)
	for _, c := range shot.Curves.Curves {
		curves[c.Address] = c
	}
	severalStages := slices.ContainsFunc(trials, func(i *ui.Instance) bool { return i.Stage() != trials[0].Stage() })
	var cells []*cell
	known := make(map[string]*cell) // by their levels
	for _, i := range trials {
		levels := make([]string, len(factors))
		for _, f := range compared(i) {
			levels[slices.Index(factors, f.Name)] = cmp.Or(f.Label, f.Level)
		}
		if severalStages {
			levels = slices.Insert(levels, 0, i.Stage())
		}
		id := strings.Join(levels, "\x00")
		if known[id] == nil {
			known[id] = &cell{WatchedCell: view.WatchedCell{Levels: levels}}
			cells = append(cells, known[id])
		}
		curve, drawn := curves[i.Address]
		known[id].add(i.State, curve, drawn)
	}
	for _, c := range cells {
		out = append(out, c.averaged())
	}
	if severalStages {
		factors = slices.Insert(factors, 0, "stage")
	}
	return factors, out
}

// cell is a cell with the curves of its trials.
type cell struct {
	view.WatchedCell
	all, done []ui.Curve
}

func (c *cell) add(state ui.State, curve ui.Curve, drawn bool) {
	c.Marks += marks[state]
	if drawn {
		c.all = append(c.all, curve)
	}
	if drawn && state == ui.Cached {
		c.done = append(c.done, curve)
	}
}

// averaged is the cell with its means: of the trials that are done, else of those at work. A cell
// in which a trial diverged has none, as in an analysis.
func (c *cell) averaged() view.WatchedCell {
	of := c.done
	if len(of) == 0 {
		of = c.all
	}
	c.Mean = meanOfLast(of)
	sums, counts := make(map[int]float64), make(map[int]int)
	for _, curve := range c.all {
		for i, s := range curve.Steps {
			sums[s] += curve.Values[i]
			counts[s]++
		}
	}
	for _, s := range slices.Sorted(maps.Keys(sums)) {
		c.Curve.Steps, c.Curve.Values = append(c.Curve.Steps, s), append(c.Curve.Values, sums[s]/float64(counts[s]))
	}
	return c.WatchedCell
}

// meanOfLast is the mean of the last values of curves; "" if there is none.
func meanOfLast(curves []ui.Curve) string {
	sum, n := 0.0, 0
	for _, c := range curves {
		if c.Diverged != nil {
			return ""
		}
		if c.Last != nil {
			sum, n = sum+*c.Last, n+1
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.4f", sum/float64(n))
}
