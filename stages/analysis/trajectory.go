package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/record"
)

// Trajectory is analysis "trajectory": a gap against the step.
type Trajectory struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train" doc:"The trials: a train stage stands for all of its."`
	Response   string                `hcl:"response,optional" doc:"The metric that is compared. Default: val_loss."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are compared."`
	Baseline   addr.Level            `hcl:"baseline" doc:"The level that gaps are measured from."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels at which the other factors stand."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"That the band holds at all steps at once."`
}

// Resolve fills derived defaults.
func (a *Trajectory) Resolve() {
	if a.Response == "" {
		a.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (a *Trajectory) Validate() diag.List { return validateConfidence(a.Confidence) }

// Describe implements pipeline.Stage.
func (a *Trajectory) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, "trajectory", "curves")
}

// Run implements pipeline.Stage.
func (a *Trajectory) Run(_ context.Context, env *pipeline.Env) error {
	steps, tables, err := readSteps(env, a.Response)
	if err != nil {
		return err
	}
	r := &trajectoryResult{Version: 2, Response: a.Response, Factor: a.Factor, Baseline: a.Baseline.String(), Confidence: a.Confidence}
	for _, step := range steps {
		s, err := tables[step].slice(a.Factor, a.Replicate, a.Where)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.cells, func(c sliceCell) bool { return sameLevel(c.id, a.Baseline) })
		if i < 0 {
			return diag.Errorf(diag.Path{"baseline"}, "Unknown level", "No trial has %s = %s there. There is %s.", a.Factor, a.Baseline, join(s.labels())).Err()
		}
		r.Baseline = s.cells[i].label
		for j := range s.cells {
			r.curve(step, &s.cells[j])
			if j != i {
				r.add(step, &s.cells[j], &s.cells[i], len(steps))
			}
		}
	}
	r.settle()
	return write(env, r)
}

// readSteps reads a response at every step at which all trials have it.
func readSteps(env *pipeline.Env, response string) ([]int, map[int]*trialTable, error) {
	inputs := env.Inputs.Refs["trials"]
	tables := make(map[int]*trialTable)
	for _, in := range inputs {
		rows, err := readMetrics(env, in.Digest(record.Metrics), response)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the metrics of %s: %w", in.Address, err)
		}
		for _, row := range rows {
			if row.Name != response {
				continue
			}
			if tables[row.Step] == nil {
				tables[row.Step] = &trialTable{}
				for _, f := range in.Factors {
					tables[row.Step].factors = append(tables[row.Step].factors, f.Name)
				}
			}
			t := newTrial(in)
			t.response, t.step = row.Value, row.Step
			tables[row.Step].trials = append(tables[row.Step].trials, t)
		}
	}
	var steps []int
	for _, step := range sortedKeys(tables) {
		if len(tables[step].trials) == len(inputs) {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return nil, nil, diag.Errorf(diag.Path{"response"}, "No such response",
			"There is no step at which all %d trials have %q.", len(inputs), response).Err()
	}
	return steps, tables, nil
}

// trajectoryResult is the answer of a trajectory analysis.
type trajectoryResult struct {
	Version    int              `json:"version"`
	Response   string           `json:"response"`
	Factor     string           `json:"factor"`
	Baseline   string           `json:"baseline"`
	Confidence float64          `json:"confidence"`
	Levels     []trajectoryLine `json:"levels"`
	Curves     []curve          `json:"curves"` // of all levels, the baseline too
	Warnings   []string         `json:"warnings,omitempty"`
}

type trajectoryLine struct {
	Level  string            `json:"level"`
	Points []trajectoryPoint `json:"points"`
	Seen   *int              `json:"seen"` // the step from which on the band leaves zero out
}

type trajectoryPoint struct {
	Step int      `json:"step"`
	Gap  float64  `json:"gap"`
	Low  *float64 `json:"low"` // of the band
	High *float64 `json:"high"`
}

// curve is the mean response of a level by step.
type curve struct {
	Level  string       `json:"level"`
	Points []curvePoint `json:"points"`
}

type curvePoint struct {
	Step int `json:"step"`
	resultCell
}

func (r *trajectoryResult) curve(step int, c *sliceCell) {
	i := slices.IndexFunc(r.Curves, func(x curve) bool { return x.Level == c.label })
	if i < 0 {
		i = len(r.Curves)
		r.Curves = append(r.Curves, curve{Level: c.label})
	}
	r.Curves[i].Points = append(r.Curves[i].Points, curvePoint{step, newCell(c.cellData, c.label)})
}

// add estimates one gap. The band holds at all steps at once, by Bonferroni's
// inequality: neighbouring steps are far from independent, so it errs on the
// wide side.
func (r *trajectoryResult) add(step int, c, base *sliceCell, steps int) {
	i := slices.IndexFunc(r.Levels, func(l trajectoryLine) bool { return l.Level == c.label })
	if i < 0 {
		i = len(r.Levels)
		r.Levels = append(r.Levels, trajectoryLine{Level: c.label})
	}
	_, mean, _ := c.summary()
	_, from, _ := base.summary()
	p := trajectoryPoint{Step: step, Gap: mean - from}
	if sameSet(c.order, base.order) && len(c.order) > 1 {
		each := make([]float64, len(c.order))
		for k, rep := range c.order {
			each[k] = c.values[rep] - base.values[rep]
		}
		n := float64(len(each))
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(1 - (1-r.Confidence)/2/float64(steps))
		half := t * stat.StdDev(each, nil) / math.Sqrt(n)
		p.Low, p.High = number(p.Gap-half), number(p.Gap+half)
	}
	r.Levels[i].Points = append(r.Levels[i].Points, p)
}

// settle finds when each gap could have been seen.
func (r *trajectoryResult) settle() {
	for i := range r.Levels {
		l := &r.Levels[i]
		for k := len(l.Points) - 1; k >= 0; k-- {
			p := l.Points[k]
			if p.Low == nil || *p.Low <= 0 && *p.High >= 0 {
				break
			}
			l.Seen = &l.Points[k].Step
		}
		if len(l.Points) > 0 && l.Points[0].Low == nil && len(r.Warnings) == 0 {
			r.Warnings = append(r.Warnings, "Some cells have one trial, or replicates of their own: their gaps have no band.")
		}
	}
}

func (r *trajectoryResult) sections() []section {
	g := &grid{right: []bool{true}}
	head := []string{"step"}
	for _, l := range r.Levels {
		head = append(head, l.Level+" − "+r.Baseline, "band")
		g.right = append(g.right, true, true)
	}
	g.add(head...)
	rows := r.rows()
	for _, k := range rows {
		line := []string{strconv.Itoa(r.Levels[0].Points[k].Step)}
		for _, l := range r.Levels {
			p, band := l.Points[k], ""
			if p.Low != nil {
				band = "[" + signed(p.Low) + ", " + signed(p.High) + "]"
			}
			line = append(line, signed(&p.Gap), band)
		}
		g.add(line...)
	}
	var lines []string
	if all := len(r.Levels[0].Points); len(rows) < all {
		lines = append(lines, fmt.Sprintf("%d of %d steps are shown; CSV has them all.", len(rows), all))
	}
	for _, l := range r.Levels {
		switch {
		case l.Seen != nil:
			lines = append(lines, fmt.Sprintf("%s: from step %d on, the band leaves zero out.", l.Level, *l.Seen))
		default:
			lines = append(lines, fmt.Sprintf("%s: the band holds zero at the last step, so no pilot of this length would have told.", l.Level))
		}
	}
	out := []section{{title: fmt.Sprintf("Gap of %s to %s by step, with a band for all steps at once", r.Response, r.Baseline), grid: g, lines: lines}}
	return warned(out, r.Warnings)
}

// tableRows is how many steps a table has room for; a curve has room for all.
const tableRows = 20

// rows are the points of a table: the last of every so many, the first, and
// the steps from which on a gap is seen.
func (r *trajectoryResult) rows() []int {
	points := r.Levels[0].Points
	stride := (len(points) + tableRows - 1) / tableRows
	var out []int
	for k, p := range points {
		seen := slices.ContainsFunc(r.Levels, func(l trajectoryLine) bool { return l.Seen != nil && *l.Seen == p.Step })
		if k == 0 || seen || (len(points)-1-k)%stride == 0 {
			out = append(out, k)
		}
	}
	return out
}

func (r *trajectoryResult) csv() (string, error) {
	rows := [][]string{{"level", "step", "gap", "low", "high", "mean", "sd", "n"}}
	for _, l := range r.Levels {
		for _, p := range l.Points {
			rows = append(rows, []string{l.Level, strconv.Itoa(p.Step), exact(&p.Gap), exact(p.Low), exact(p.High), "", "", ""})
		}
	}
	for _, c := range r.Curves {
		for _, p := range c.Points {
			rows = append(rows, []string{c.Level, strconv.Itoa(p.Step), "", "", "", exact(p.Mean), exact(p.SD), strconv.Itoa(p.N)})
		}
	}
	return csvOf(rows)
}

func (r *trajectoryResult) figures() []figure {
	p := newPlot("step", "gap of "+r.Response+" to "+r.Baseline)
	for i, l := range r.Levels {
		var w whiskers
		for _, x := range l.Points {
			w.XYs = append(w.XYs, plotter.XY{X: float64(x.Step), Y: x.Gap})
			e := struct{ Low, High float64 }{}
			if x.Low != nil {
				e.Low, e.High = x.Gap-*x.Low, *x.High-x.Gap
			}
			w.YErrors = append(w.YErrors, e)
		}
		course(p, i+1, l.Level, w)
	}
	gap := figure{name: "trajectory", plot: p, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: len(r.Levels)}
	q := newPlot("step", r.Response)
	for i, c := range r.Curves {
		var w whiskers
		for _, x := range c.Points {
			if x.Mean != nil {
				half := halfOf(x.resultCell, r.Confidence)
				w.XYs = append(w.XYs, plotter.XY{X: float64(x.Step), Y: *x.Mean})
				w.YErrors = append(w.YErrors, struct{ Low, High float64 }{half, half})
			}
		}
		course(q, i, c.Level, w)
	}
	return []figure{gap, {name: "curves", plot: q, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: len(r.Curves)}}
}
