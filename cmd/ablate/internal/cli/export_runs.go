package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/record"
	"ablate/stages/tracker"
)

func exportRunsCommand(s *session) *cobra.Command {
	var r exportRunsRequest
	c := &cobra.Command{
		Use:   "runs [TRIALS]",
		Short: "Write trials as runs of MLflow or TensorBoard",
		Long: "runs writes each trial as a run: its levels as parameters, all values that it logged, and its key,\n" +
			"host and outcome as tags of MLflow. --format mlflow writes an experiment with the name of the study in\n" +
			"MLflow's file store; --format tensorboard writes event files in a folder with the name of the study.\n" +
			"Finished runs that were imported have the values that data \"results\" keeps: with curves = true, all.\n" +
			"They replace those of an earlier export of the study; everything else in the folder stays.\n" +
			"TRIALS selects trials by address, name, label or levels; without it all are written." + exitCodes("3 when some trials have no result yet"),
		Example:           "  ablate export runs --format mlflow --to mlruns",
		Args:              argsBetween(0, 1),
		ValidArgsFunction: complete(s, exportableTrials, 1),
		RunE:              does(s, &r, &r.Trials),
	}
	choiceFlag(c.Flags(), c, &r.Format, "format", tracker.Formats[0], "%s", tracker.Formats...)
	c.Flags().StringVar(&r.To, "to", "", "the `folder` to write into (default mlruns or runs, by the format)")
	targetFlag(c, s, &r.Targets)
	return c
}

// exportRunsRequest asks for runs as other trackers store them.
type exportRunsRequest struct {
	Trials     string // "" means all
	Format, To string
	Targets    []string
}

func (r exportRunsRequest) do(ctx context.Context, s *session) error {
	if r.To == "" {
		r.To = tracker.DefaultFolder(r.Format)
	}
	w, plan, err := s.planned(ctx, r.Targets...)
	if err != nil {
		return err
	}
	tasks, lacking, err := w.cachedTrials(plan, exportableTrials, r.Trials)
	if err != nil {
		return err
	}
	runs, err := runReader{w}.all(ctx, tasks)
	if err != nil {
		return err
	}
	written, renamed, err := runs.Write(r.To, r.Format)
	if err != nil {
		return fmt.Errorf("writing %s: %w", r.To, err)
	}
	s.show(view.Exported{File: r.To, Rows: &written, Noun: "run"})
	for _, name := range slices.Sorted(maps.Keys(renamed)) {
		s.view().Note("MLflow's file store cannot hold the name %q: it is written as %q.", name, renamed[name])
	}
	return leftOut(s, lacking, len(tasks))
}

// runReader reads trials as runs.
type runReader struct{ *workspace }

// all reads the trials twice: first for the names of all factors and metrics, then to
// write them.
func (w runReader) all(ctx context.Context, tasks []*planner.Task) (tracker.Runs, error) {
	out := tracker.Runs{Study: w.graph.Study.Name}
	parameters, metrics := make(map[string]bool), make(map[addr.Stage]map[string]bool)
	for _, t := range tasks {
		if metrics[t.Address.Stage] == nil {
			metrics[t.Address.Stage] = make(map[string]bool)
		}
		rows, _, err := w.trialRows(ctx, t)
		if err != nil {
			return out, err
		}
		for _, row := range rows {
			for name := range row.levels {
				parameters[name] = true
			}
			for name := range row.last {
				metrics[t.Address.Stage][name] = true
			}
		}
	}
	out.Parameters = slices.Sorted(maps.Keys(parameters))
	for _, names := range metrics {
		out.Metrics = slices.AppendSeq(out.Metrics, maps.Keys(names))
	}
	slices.Sort(out.Metrics)
	out.Metrics = slices.Compact(out.Metrics)
	out.Each = func(yield func(tracker.Run, error) bool) {
		for _, t := range tasks {
			runs, err := w.runsOf(ctx, t, slices.Sorted(maps.Keys(metrics[t.Address.Stage])))
			if err != nil {
				yield(tracker.Run{}, err)
				return
			}
			for _, run := range runs {
				if !yield(run, nil) {
					return
				}
			}
		}
	}
	return out, nil
}

// runsOf are the runs of an instance: one trial, or a table of finished runs.
func (w runReader) runsOf(ctx context.Context, t *planner.Task, metrics []string) ([]tracker.Run, error) {
	p, err := readProvenance(ctx, w.store, t)
	if err != nil {
		return nil, err
	}
	rows, _, err := w.trialRows(ctx, t)
	if err != nil {
		return nil, err
	}
	logged, err := readMetrics(ctx, w.store, t)
	if err != nil {
		return nil, err
	}
	curves, err := readCurves(ctx, w.store, t)
	if err != nil {
		return nil, err
	}
	out := make([]tracker.Run, len(rows))
	for i, row := range rows {
		out[i] = w.trackedRun(t, row, p)
		if _, finished := t.Entry().Artifact(record.Trials); finished {
			out[i].Name = fmt.Sprintf("%d %s", i+1, levelsText(row.levels))
			out[i].Values = finishedValues(row, curves[i+1], metrics)
			continue
		}
		out[i].Values = loggedValues(logged, metrics)
	}
	return out, nil
}

// stageName is the name of a stage of trials, with its type where another stage of trials
// has the same name.
func (w runReader) stageName(of addr.Stage) string {
	for _, n := range w.graph.Nodes {
		if s := n.Instance.Address.Stage; s.Name == of.Name && s != of && exportableTrials.is(n) {
			return of.String()
		}
	}
	return of.Name
}

func (w runReader) trackedRun(t *planner.Task, row trialRow, p action.Provenance) tracker.Run {
	tags := map[string]string{
		"ablate.trial": row.id, "ablate.key": t.Key.String(), "ablate.outcome": string(row.outcome), "ablate.host": p.Host.Name,
	}
	if p.Class != "" {
		tags["ablate.class"] = p.Class
	}
	return tracker.Run{
		ID: row.id, Stage: w.stageName(t.Address.Stage), Name: t.Address.Key, Parameters: row.levels, Tags: tags,
		Started: p.Started, Finished: p.Finished, Failed: row.outcome == record.OutcomeFailed,
	}
}

func levelsText(levels map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		out = append(out, name+"="+levels[name])
	}
	return strings.Join(out, ",")
}

// loggedValues are the rows of a trial. Trackers know no outcome, so a trial that
// diverged ends with NaN in every metric of its stage.
func loggedValues(rows []record.Row, metrics []string) (out []tracker.Value) {
	end := make(map[string]int) // the step after the last one of a metric
	at := 0
	for _, r := range rows {
		if r.Name == record.Diverged {
			at = r.Step
			continue
		}
		out = append(out, tracker.Value{Step: r.Step, Metric: r.Name, Number: r.Value})
		end[r.Name] = r.Step + 1
	}
	if record.OutcomeOf(rows) != record.OutcomeDiverged {
		return out
	}
	for _, name := range metrics {
		out = append(out, tracker.Value{Step: max(at, end[name]), Metric: name, Number: math.NaN()})
	}
	return out
}

// finishedValues are the responses of a finished run: those of its curves at their steps,
// and others at step 0. A response without a value ends with NaN.
func finishedValues(row trialRow, curves []record.Row, metrics []string) (out []tracker.Value) {
	if row.outcome == record.OutcomeFailed {
		return nil
	}
	end := make(map[string]int) // the step after the last one of a response
	for _, r := range curves {
		out = append(out, tracker.Value{Step: r.Step, Metric: r.Name, Number: r.Value})
		end[r.Name] = max(end[r.Name], r.Step+1)
	}
	for _, name := range metrics {
		v, ok := row.last[name]
		if !ok || row.outcome == record.OutcomeDiverged {
			v, ok = math.NaN(), false
		}
		if _, drawn := end[name]; !drawn || !ok {
			out = append(out, tracker.Value{Step: end[name], Metric: name, Number: v})
		}
	}
	slices.SortStableFunc(out, func(a, b tracker.Value) int { return cmp.Compare(a.Step, b.Step) })
	return out
}
