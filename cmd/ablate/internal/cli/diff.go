package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/record"
)

func diffCommand(s *session) *cobra.Command {
	var r diffRequest
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two instances, two selections of trials or two plans",
		Long: "diff compares two instances by their ingredients, numbers and losses, two selections of trials, written\n" +
			"as for --target (norm=derf.*,optimizer=muon.*), by the mean of each metric, or two files that\n" +
			"ablate plan --out or ablate plan --json wrote by the instances that were added, were removed or\n" +
			"have another key or action." + exitCodes(""),
		Example:           "  ablate diff 'norm=rmsnorm.*,optimizer=muon.*' 'norm=derf.*,optimizer=muon.*'",
		Args:              argsBetween(2, 2),
		ValidArgsFunction: complete(s, anyInstance, 2),
		RunE:              does(s, &r, &r.A, &r.B),
	}
}

// diffRequest asks what differs between two things of one sort.
type diffRequest struct{ A, B string }

func (r diffRequest) do(ctx context.Context, s *session) error {
	if isFile(r.A) && isFile(r.B) {
		return r.plans(s)
	}
	w, plan, err := s.planned(ctx)
	if err != nil {
		return err
	}
	a, errA := w.find(plan, anyInstance, r.A)
	b, errB := w.find(plan, anyInstance, r.B)
	var e view.Difference
	switch {
	case errA == nil && errB == nil:
		e, err = w.diffTasks(ctx, plan, a, b)
	case isFile(r.A) != isFile(r.B) && (errA != nil && isFile(r.A) || errB != nil && isFile(r.B)):
		return fmt.Errorf("only one of %s and %s is a file: compare two plans, or two instances", r.A, r.B)
	case errA != nil && !ambiguous(errA):
		return errA
	case errB != nil && !ambiguous(errB):
		return errB
	default:
		e, err = r.selections(ctx, w, plan)
	}
	if err != nil {
		return err
	}
	s.show(e)
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// plannedLine is what a file of a plan says of an instance.
type plannedLine struct {
	Type, Address, Action string
	Key                   *cache.Key
	Steps                 []plannedLine // of a plan that --out wrote
}

func readPlan(name string) (map[string]plannedLine, error) {
	raw, err := fsys.ReadRegular(name, maxFile)
	if err != nil {
		return nil, err
	}
	out := make(map[string]plannedLine)
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	for dec.More() {
		var l plannedLine
		if err := dec.Decode(&l); err != nil {
			return nil, fmt.Errorf("%s is not a plan that ablate plan --out or --json wrote: %w", name, err)
		}
		for _, step := range l.Steps {
			out[step.Address] = step
		}
		if l.Type == "plan_step" {
			out[l.Address] = l
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no plan: create one with ablate plan --out FILE", name)
	}
	return out, nil
}

// plans compares two files of plans.
func (r diffRequest) plans(s *session) error {
	a, err := readPlan(r.A)
	if err != nil {
		return err
	}
	b, err := readPlan(r.B)
	if err != nil {
		return err
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	changed, pending := 0, 0
	for _, address := range slices.Sorted(maps.Keys(all)) {
		was, before := a[address]
		now, after := b[address]
		e := view.PlanDifference{Address: address, Mark: "~"}
		switch {
		case !before:
			e.Mark, e.Difference = "+", "new: "+now.Action
		case !after:
			e.Mark, e.Difference = "-", "removed"
		case shortKey(was) != shortKey(now):
			e.Difference = fmt.Sprintf("another key (%s → %s), %s", shortKey(was), shortKey(now), actions(was, now))
		case was.Action != now.Action:
			e.Difference = actions(was, now)
		case now.Key == nil:
			pending++
			continue
		default:
			continue
		}
		changed++
		s.show(e)
	}
	text := fmt.Sprintf("%d of %s changed", changed, view.Count(len(all), "instance"))
	if pending > 0 {
		text += fmt.Sprintf("; %d cannot be compared yet, as they are pending in both plans", pending)
	}
	s.view().Text(text + ".\n")
	return nil
}

// actions says what one plan and the other would do with an instance.
func actions(was, now plannedLine) string {
	if was.Action == now.Action {
		return was.Action
	}
	return was.Action + " → " + now.Action
}

func shortKey(l plannedLine) string {
	if l.Key == nil {
		return "unknown"
	}
	return view.ShortKey(*l.Key)
}

// diffTasks compares the ingredients and numbers of two instances.
func (w *workspace) diffTasks(ctx context.Context, plan *planner.Plan, a, b *planner.Task) (e view.Difference, err error) {
	e = view.Difference{A: a.Address.String(), B: b.Address.String()}
	switch {
	case a.Key.IsZero() || b.Key.IsZero():
		e.Unknown = true
	case a.Key == b.Key:
		e.Same = &a.Key
	default:
		if e.Changes, err = w.planner.Compare(a, b); err != nil {
			return e, err
		}
	}
	var sides [2]answer.Sample
	for i, t := range []*planner.Task{a, b} {
		numbers, err := w.taskNumbers(ctx, plan, t)
		if err != nil {
			return e, err
		}
		sides[i] = make(answer.Sample)
		sides[i].Add(numbers)
		if t.Role == pipeline.Trial && t.Status == planner.Hit {
			rows, err := readMetrics(ctx, w.store, t)
			if err != nil {
				return e, err
			}
			e.Curves[i] = lossCurve(rows)
		}
	}
	e.Numbers = answer.Diff(sides[0], sides[1])
	return e, nil
}

// taskNumbers are a trial's last metrics or an analysis's numbers; none without a
// result.
func (w *workspace) taskNumbers(ctx context.Context, plan *planner.Plan, t *planner.Task) (map[string]float64, error) {
	if t.Status != planner.Hit {
		return nil, nil
	}
	if t.Role != pipeline.Analysis {
		rows, err := readMetrics(ctx, w.store, t)
		return record.Last(rows), err
	}
	list, err := w.numbers(ctx, plan)
	out := make(map[string]float64)
	for _, n := range list {
		if n.Address == t.Address {
			_, name, _ := strings.Cut(n.Name, "/")
			out[name] = n.Value
		}
	}
	return out, err
}

// selections compares the means of two selections of trials.
func (r diffRequest) selections(ctx context.Context, w *workspace, plan *planner.Plan) (e view.Difference, err error) {
	e = view.Difference{A: r.A, B: r.B, Trials: new([2]int)}
	var sides [2]answer.Sample
	for i, typed := range []string{r.A, r.B} {
		if sides[i], e.Trials[i], err = w.sample(ctx, plan, typed); err != nil {
			return e, err
		}
	}
	e.Numbers = answer.Diff(sides[0], sides[1])
	return e, nil
}

// sample collects the numbers of the trials that a text names, and counts those that
// have a result.
func (w *workspace) sample(ctx context.Context, plan *planner.Plan, typed string) (answer.Sample, int, error) {
	tasks, err := w.selectTasks(plan, trials, typed)
	if err != nil {
		return nil, 0, err
	}
	out := make(answer.Sample)
	finished := 0
	for _, t := range tasks {
		numbers, err := w.taskNumbers(ctx, plan, t)
		if err != nil {
			return nil, 0, err
		}
		if len(numbers) > 0 {
			finished++
		}
		out.Add(numbers)
	}
	if finished == 0 {
		return nil, 0, fmt.Errorf("no trial of %s has a result yet: run the study first", typed)
	}
	return out, finished, nil
}
