package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

func (g *globals) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two instances, two cells or two plans",
		Long: "diff says what differs between two things. Two addresses: their ingredients and numbers.\n" +
			"Two selections of trials, as --target takes them (norm=derf.*,optimizer=muon.*): the mean of\n" +
			"each metric. Two files of ablate plan --out or --json: the instances that came, went or have\n" +
			"another key or action." + codes(""),
		Example: "  ablate diff norm=rmsnorm.*,optimizer=muon.* norm=derf.*,optimizer=muon.*",
		Args:    arguments(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if isFile(args[0]) && isFile(args[1]) {
				return g.diffPlans(args[0], args[1])
			}
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			a, errA := g.step(plan, args[0])
			b, errB := g.step(plan, args[1])
			if errA == nil && errB == nil {
				return g.diffSteps(c.Context(), w, plan, a, b)
			}
			return g.diffCells(c.Context(), w, plan, args)
		},
	}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// plannedLine is what a plan's file says of an instance.
type plannedLine struct {
	Type, Address, Action string
	Key                   *string
	Steps                 []plannedLine // of a plan that --out wrote, all in one line
}

func readPlan(name string) (map[string]plannedLine, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	out := make(map[string]plannedLine)
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	for dec.More() {
		var l plannedLine
		if err := dec.Decode(&l); err != nil {
			return nil, fmt.Errorf("%s is no plan of ablate plan --out or --json: %w", name, err)
		}
		for _, s := range l.Steps {
			out[s.Address] = s
		}
		if l.Type == "plan_step" {
			out[l.Address] = l
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no plan; write one with ablate plan --out %s", name, name)
	}
	return out, nil
}

func (g *globals) diffPlans(nameA, nameB string) error {
	a, err := readPlan(nameA)
	if err != nil {
		return err
	}
	b, err := readPlan(nameB)
	if err != nil {
		return err
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	changed := 0
	say := func(mark, address, text string) {
		changed++
		g.view().Object(map[string]string{"type": "plan_difference", "address": address, "difference": text})
		g.view().Text(fmt.Sprintf("%s %s  %s\n", mark, address, text))
	}
	for _, address := range slices.Sorted(maps.Keys(all)) {
		was, before := a[address]
		now, after := b[address]
		switch {
		case !before:
			say("+", address, "new: "+now.Action)
		case !after:
			say("-", address, "gone")
		case keyText(was) != keyText(now):
			say("~", address, fmt.Sprintf("another key (%s → %s), %s → %s", keyText(was), keyText(now), was.Action, now.Action))
		case was.Action != now.Action:
			say("~", address, was.Action+" → "+now.Action)
		}
	}
	g.view().Text(fmt.Sprintf("%d of %s differ.\n", changed, count(len(all), "instance")))
	return nil
}

func keyText(l plannedLine) string {
	if l.Key == nil {
		return "not known yet"
	}
	return (*l.Key)[:12]
}

func (g *globals) diffSteps(ctx context.Context, w *workspace, plan *planner.Plan, a, b *planner.Task) error {
	o := map[string]any{"type": "difference", "a": a.Address.String(), "b": b.Address.String()}
	var out strings.Builder
	fmt.Fprintf(&out, "A  %s\nB  %s\n\nIngredients\n\n", a.Address, b.Address)
	switch {
	case a.Key.IsZero() || b.Key.IsZero():
		out.WriteString("  not known yet: one of both waits for something that must run first\n")
	case a.Key == b.Key:
		out.WriteString("  none: both have the key " + a.Key.String() + "\n")
	default:
		changes, err := w.planner.Compare(a, b)
		if err != nil {
			return err
		}
		o["changes"] = changes
		for _, c := range changes {
			fmt.Fprintf(&out, "  %-28s %s → %s\n", c.Path, c.Was, c.Now)
		}
	}
	left, err := stepNumbers(ctx, w, plan, a)
	if err != nil {
		return err
	}
	right, err := stepNumbers(ctx, w, plan, b)
	if err != nil {
		return err
	}
	o["numbers"] = writeNumbers(&out, left, right)
	g.view().Object(o)
	g.view().Text(out.String())
	return nil
}

// stepNumbers is a trial's last metrics or an analysis's numbers, as samples of
// one.
func stepNumbers(ctx context.Context, w *workspace, plan *planner.Plan, s *planner.Task) (map[string][]float64, error) {
	out := make(map[string][]float64)
	if s.Status != planner.Hit {
		return out, nil
	}
	if s.Role == pipeline.Analysis {
		list, err := numbers(ctx, w, plan)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			if n.Address == s.Address {
				_, name, _ := strings.Cut(n.Name, "/")
				out[name] = []float64{n.Value}
			}
		}
		return out, nil
	}
	rows, err := readMetrics(ctx, w.store, s)
	if err != nil {
		return nil, err
	}
	for name, v := range record.Last(rows) {
		out[name] = []float64{v}
	}
	return out, nil
}

// diffCells compares the means of two selections of trials.
func (g *globals) diffCells(ctx context.Context, w *workspace, plan *planner.Plan, args []string) error {
	var sides [2]map[string][]float64
	var counts [2]int
	for i, typed := range args {
		p, err := addr.ParsePattern(typed)
		if err != nil {
			return fmt.Errorf("%s: %w", typed, err)
		}
		sides[i] = make(map[string][]float64)
		matched := 0
		for _, s := range plan.Tasks {
			if s.Role != pipeline.Trial || !p.Match(s.Address) {
				continue
			}
			matched++
			own, err := stepNumbers(ctx, w, plan, s)
			if err != nil {
				return err
			}
			if len(own) > 0 {
				counts[i]++
			}
			for name, v := range own {
				sides[i][name] = append(sides[i][name], v...)
			}
		}
		if matched == 0 {
			return fmt.Errorf("%s is no instance and no selection of trials; ablate show lists what the study has", typed)
		}
		if counts[i] == 0 {
			return fmt.Errorf("no trial of %s has a result yet; run the study first", typed)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "A  %s (%s)\nB  %s (%s)\n", args[0], count(counts[0], "trial"), args[1], count(counts[1], "trial"))
	o := map[string]any{"type": "difference", "a": args[0], "b": args[1], "trials": counts}
	o["numbers"] = writeNumbers(&out, sides[0], sides[1])
	out.WriteString("\nMeans of the trials' last values. An analysis \"factorial\" gives intervals.\n")
	g.view().Object(o)
	g.view().Text(out.String())
	return nil
}

// numberDifference is one number on both sides.
type numberDifference struct {
	Name       string  `json:"name"`
	A          float64 `json:"a"`
	B          float64 `json:"b"`
	Difference float64 `json:"difference"`
}

// writeNumbers tabulates the means of both sides.
func writeNumbers(out *strings.Builder, left, right map[string][]float64) []numberDifference {
	var list []numberDifference
	width := 0
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if len(right[name]) == 0 {
			continue
		}
		a, b := mean(left[name]), mean(right[name])
		width = max(width, len(name))
		list = append(list, numberDifference{name, a, b, b - a})
	}
	if len(list) == 0 {
		out.WriteString("\nThere are no numbers on both sides yet.\n")
		return list
	}
	fmt.Fprintf(out, "\n  %-*s %14s %14s %14s\n", width, "", "A", "B", "B − A")
	for _, l := range list {
		fmt.Fprintf(out, "  %-*s %14s %14s %14s\n", width, l.Name, short(l.A), short(l.B), short(l.Difference))
	}
	return list
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// short prints a number with about six digits.
func short(v float64) string {
	const digits = 7
	if v != 0 && math.Abs(v) < 1e-4 {
		return strconv.FormatFloat(v, 'e', 3, 64)
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}
