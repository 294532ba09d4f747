package analysis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
	"ablate/stages/record"
)

// Trajectory is analysis "trajectory": a gap against the step.
type Trajectory struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all its trials. Or a table of finished runs with curves = true, data \"results\"."`
	Response   string                `hcl:"response,optional" doc:"The metric to compare. Default: val_loss."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are compared."`
	Baseline   addr.Level            `hcl:"baseline" doc:"The level that gaps are measured from."`
	At         []int                 `hcl:"at,optional" doc:"The steps at which you will look. The band then holds at these alone, and is narrower than over all steps."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels of the other factors."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Confidence that the band holds at all steps at once."`
}

// Resolve fills derived defaults.
func (a *Trajectory) Resolve() {
	if a.Response == "" {
		a.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (a *Trajectory) Validate() diag.List {
	list := validateConfidence(a.Confidence)
	for i, at := range a.At {
		if at < 1 || slices.Contains(a.At[:i], at) {
			list = append(list, diag.Errorf(diag.Path{"at"}, "Unusable step", "at must list different steps from 1 on, not %d.", at)...)
		}
	}
	return list
}

// Describe implements pipeline.Stage.
func (a *Trajectory) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, trajectorySubject(), a.parts())
}

// Run implements pipeline.Stage.
func (a *Trajectory) Run(_ context.Context, env *pipeline.Env) error {
	steps, left, err := a.readSteps(env)
	if err != nil {
		return err
	}
	if steps, err = a.declared(steps); err != nil {
		return err
	}
	r := answer.Trajectory{Version: 3, Response: a.Response, Factor: a.Factor, Confidence: a.Confidence}
	var unused unusedTrials
	for _, s := range steps {
		if err := a.add(&r, &unused, s, len(steps)); err != nil {
			return err
		}
	}
	var w warnings
	w.say(unused.incomplete, incompleteReplicates+" Each gap uses those that both of its levels have.")
	w.sayDoubled(unused.design)
	r.Warnings = append(r.Warnings, w.texts...)
	if left != "" && len(a.At) == 0 {
		r.Warnings = append(r.Warnings, left)
	}
	settle(&r)
	r.Notes = []string{bandNote(len(steps))}
	return render.Write(env, r, render.Trajectory(r))
}

func bandNote(steps int) string {
	text := fmt.Sprintf("The band holds at %s (Bonferroni). Each gap has its own error at each step.", atOnce(steps))
	if steps > 1 {
		text += " With few replicates and many steps the band is wide: at = [...] declares the steps at which you look."
	}
	return text
}

func atOnce(steps int) string {
	if steps == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps at once", steps)
}

// declared selects the steps that at names.
func (a *Trajectory) declared(steps []stepTable) ([]stepTable, error) {
	if len(a.At) == 0 {
		return steps, nil
	}
	var list diag.List
	var out []stepTable
	for _, at := range slices.Sorted(slices.Values(a.At)) {
		i := slices.IndexFunc(steps, func(s stepTable) bool { return s.step == at })
		if i < 0 {
			list = append(list, diag.Errorf(diag.Path{"at"}, "No such step", "Not all trials have %s at step %d.", a.Response, at)...)
			continue
		}
		out = append(out, steps[i])
	}
	return out, list.Err()
}

// unusedTrials is what is known of trials that no gap uses.
type unusedTrials struct {
	incomplete bool           // some are of replicates that a level lacks
	design     *design.Design // names those that are doubled, at every step the same
}

// add adds one step: the response of every level, and its gap to the baseline.
// Trials are the same at every step, so levels are in the same order.
func (a *Trajectory) add(r *answer.Trajectory, unused *unusedTrials, s stepTable, steps int) error {
	d, list := design.Slice(s.table, a.Factor, a.Replicate, a.Where)
	if len(list) > 0 {
		return list.Err()
	}
	base, list := cellAt(d, "baseline", a.Baseline)
	if len(list) > 0 {
		return list.Err()
	}
	unused.design = d
	labels := d.Factors[0].Labels
	if r.Curves == nil {
		r.Baseline = labels[base]
		for i, label := range labels {
			r.Curves = append(r.Curves, answer.Curve{Level: label})
			if i != base {
				r.Levels = append(r.Levels, answer.TrajectoryLine{Level: label})
			}
		}
	}
	band := estimate.NewStep(d, a.Confidence, steps)
	line := 0
	for i, c := range d.Cells {
		r.Curves[i].Points = append(r.Curves[i].Points, answer.CurvePoint{Step: s.step, Cell: cellOf(d, c, labels[i])})
		if i == base {
			continue
		}
		e := band.Gap(i, base)
		unused.incomplete = unused.incomplete || e.Dropped
		p := answer.TrajectoryPoint{Step: s.step, Gap: e.Value, Low: answer.Finite(e.Low), High: answer.Finite(e.High), Constant: e.Constant}
		r.Levels[line].Points = append(r.Levels[line].Points, p)
		line++
	}
	return nil
}

// settle finds from which step on each band excludes zero, on the side of the last step.
func settle(r *answer.Trajectory) {
	single, constant := false, false
	for i := range r.Levels {
		l := &r.Levels[i]
		last := len(l.Points) - 1
		for k := last; k >= 0 && l.Points[k].Shows() && l.Points[k].Gap > 0 == (l.Points[last].Gap > 0); k-- {
			l.Seen = &l.Points[k].Step
		}
		for _, p := range l.Points {
			single = single || p.Low == nil && !p.Constant
			constant = constant || p.Constant
		}
	}
	if single {
		r.Warnings = append(r.Warnings, "Some cells have one trial at some steps: their gaps have no band there.")
	}
	if constant {
		r.Warnings = append(r.Warnings, "Replicates do not differ by more than rounding at some steps: gaps have no band there.")
	}
}

// stepTable is all trials at one step.
type stepTable struct {
	step  int
	table *design.Table
}

// readSteps reads the response at every step at which all trials of the slice have it. left says
// which steps are left out; "" for none.
func (a *Trajectory) readSteps(env *pipeline.Env) (steps []stepTable, left string, err error) {
	inputs, response := env.Inputs.Refs["trials"], a.Response
	read := readTrialSteps
	if _, ok := asResults(inputs); ok {
		read = func(env *pipeline.Env, inputs []pipeline.Input, response, _ string) (*design.Table, [][]record.Row, error) {
			return readResultSteps(env, inputs[0], response)
		}
	}
	base, rows, err := read(env, inputs, response, a.Replicate)
	if err != nil {
		return nil, "", err
	}
	if _, list := design.Slice(base, a.Factor, a.Replicate, a.Where); len(list) > 0 {
		return nil, "", list.Err()
	}
	keep, _ := base.Where(a.Factor, a.Where)
	tables := make(map[int]*design.Table)
	trials := 0
	for i, of := range rows {
		if !keep(base.Trials[i]) {
			continue
		}
		trials++
		for _, row := range of {
			if row.Name != response {
				continue
			}
			if tables[row.Step] == nil {
				tables[row.Step] = &design.Table{Columns: base.Columns, Replicate: base.Replicate, Unpaired: base.Unpaired}
			}
			t := tables[row.Step]
			t.Trials = append(t.Trials, design.Trial{Levels: base.Trials[i].Levels, Response: row.Value, Step: row.Step})
		}
	}
	var lacking []int
	for _, step := range slices.Sorted(maps.Keys(tables)) {
		if len(tables[step].Trials) == trials {
			steps = append(steps, stepTable{step, tables[step]})
		} else {
			lacking = append(lacking, step)
		}
	}
	if len(steps) == 0 {
		return nil, "", diag.Errorf(diag.Path{"response"}, "No such response",
			"There is no step at which all %d trials have %q.", trials, response).Err()
	}
	if len(lacking) > 0 {
		left = fmt.Sprintf("Of %d steps, those are left out at which some trials have no %s: %s.", len(tables), response, some(texts(lacking)))
	}
	return steps, left, nil
}

func texts(numbers []int) []string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = strconv.Itoa(n)
	}
	return out
}

// readTrialSteps reads the rows of trials, and a table with their levels.
func readTrialSteps(env *pipeline.Env, inputs []pipeline.Input, response, replicate string) (base *design.Table, rows [][]record.Row, err error) {
	base = newTable(inputs, replicate)
	for _, in := range inputs {
		base.AddCell(design.Trial{}, in.Factors)
		of, err := readMetrics(env, in.Digest(record.Metrics), response)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the metrics of %s: %w", in.Address, err)
		}
		rows = append(rows, of)
	}
	return base, rows, nil
}
