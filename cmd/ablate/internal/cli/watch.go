package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	curves := make(map[string]ui.Curve)
	for _, c := range shot.Curves.Curves {
		curves[c.Address] = c
	}
	replicate := shot.Study.Replicate
	if replicate == "" {
		replicate = "seed"
	}
	g := grouper{at: make(map[string]int), counts: make(map[ui.State]int), replicate: replicate, curves: curves, partial: shot.Study.Partial}
	if stages := stagesOfTrials(shot.Study.Instances); len(stages) > 1 {
		g.factors, g.first = []string{"stage"}, 1
	}
	for _, i := range shot.Study.Instances {
		if i.State == ui.Failed {
			w.Failures = append(w.Failures, view.Failure{Address: i.Address, Error: lastShown(i.Error)})
		}
		if i.Trial {
			g.add(i)
		}
	}
	w.Factors, w.Cells, w.Running = g.factors, g.finished(), g.running
	w.Counts = g.summary()
	for _, x := range stateWords {
		if n := g.counts[x.state]; n > 0 {
			w.Counts += fmt.Sprintf(", %d %s", n, x.word)
		}
	}
	if n := shot.Study.Others; n > 0 {
		w.Counts += fmt.Sprintf(". Not shown: %s of another version of the study (edited since, or other variables)", view.Count(n, "running trial"))
	}
	if left := shot.Study.Remaining; left != nil && *left >= 1 {
		w.Left = view.Seconds(*left)
	}
	return w
}

// stagesOfTrials lists the stages that have trials. Cells of different stages may have the same
// levels.
func stagesOfTrials(instances []*ui.Instance) []string {
	var out []string
	for _, i := range instances {
		if i.Trial && !slices.Contains(out, i.Stage()) {
			out = append(out, i.Stage())
		}
	}
	return out
}

// grouper sorts trials into cells.
type grouper struct {
	factors   []string // after "stage", if there are several stages
	first     int      // factor
	replicate string
	curves    map[string]ui.Curve
	cells     []cellCurves
	at        map[string]int // of a cell, by its levels
	running   []view.WatchedTrial
	counts    map[ui.State]int
	trials    int
	imported  int  // runs of other programs, which are not among the trials
	partial   bool // the study may have more trials
}

type cellCurves struct {
	view.WatchedCell
	curves []ui.Curve
	done   []ui.Curve // those of trials that are done
}

func (g *grouper) add(i *ui.Instance) {
	if i.Imported {
		g.imported++
	} else {
		g.trials++
		g.counts[i.State]++
	}
	levels := make([]string, len(g.factors))
	if g.first > 0 {
		levels[0] = i.Stage()
	}
	for _, f := range i.Factors {
		if f.Name == cmp.Or(i.Replicate, g.replicate) {
			continue
		}
		at := g.first + slices.Index(g.factors[g.first:], f.Name)
		if at < g.first {
			at = len(g.factors)
			g.factors, levels = append(g.factors, f.Name), append(levels, "")
		}
		levels[at] = f.Level
		if f.Label != "" {
			levels[at] = f.Label
		}
	}
	id := strings.TrimRight(strings.Join(levels, "\x00"), "\x00") // the same before a further factor was known
	at, ok := g.at[id]
	if !ok {
		at = len(g.cells)
		g.at[id] = at
		g.cells = append(g.cells, cellCurves{WatchedCell: view.WatchedCell{Levels: levels}})
	}
	c := &g.cells[at]
	c.Marks += marks[i.State]
	if curve, ok := g.curves[i.Address]; ok {
		c.curves = append(c.curves, curve)
		if i.State == ui.Cached {
			c.done = append(c.done, curve)
		}
	}
	if i.State == ui.Running || i.State == ui.Detached {
		t := view.WatchedTrial{Name: runningName(i), Step: i.Step, Steps: i.Steps, Metrics: i.Metrics}
		if i.Left != nil && *i.Left >= 1 {
			t.Left = view.Seconds(*i.Left)
		}
		g.running = append(g.running, t)
	}
}

// runningName names a trial by its levels, or by its address if it has none.
func runningName(i *ui.Instance) string {
	var levels []view.Level
	for _, f := range i.Factors {
		levels = append(levels, view.Level{Factor: f.Name, Text: f.Level, Label: f.Label})
	}
	return cmp.Or(view.TrialName(levels), i.Address)
}

// summary counts the trials that are done, and imported runs.
func (g *grouper) summary() string {
	var parts []string
	switch {
	case g.partial:
		parts = append(parts, view.Count(g.counts[ui.Cached], "trial")+" done")
	case g.trials > 0 || g.imported == 0:
		parts = append(parts, fmt.Sprintf("%d of %s done", g.counts[ui.Cached], view.Count(g.trials, "trial")))
	}
	if g.imported > 0 {
		parts = append(parts, view.Count(g.imported, "imported run"))
	}
	return strings.Join(parts, ", ")
}

// finished is the cells with their means: of the trials that are done, else of those at work. A
// cell in which a trial diverged has none, as in an analysis. A trial of a cell that appeared
// before a factor was known has no level of it.
func (g *grouper) finished() []view.WatchedCell {
	var out []view.WatchedCell
	for _, c := range g.cells {
		for len(c.Levels) < len(g.factors) {
			c.Levels = append(c.Levels, "")
		}
		averaged := c.done
		if len(averaged) == 0 {
			averaged = c.curves
		}
		c.Mean = meanOfLast(averaged)
		sums, counts := make(map[int]float64), make(map[int]int)
		for _, curve := range c.curves {
			for i, s := range curve.Steps {
				sums[s] += curve.Values[i]
				counts[s]++
			}
		}
		for s := range sums {
			c.Curve.Steps = append(c.Curve.Steps, s)
		}
		slices.Sort(c.Curve.Steps)
		for _, s := range c.Curve.Steps {
			c.Curve.Values = append(c.Curve.Values, sums[s]/float64(counts[s]))
		}
		out = append(out, c.WatchedCell)
	}
	return out
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
