package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Dose is analysis "dose": a response against a level that is a number.
type Dose struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials, or a table of finished runs."`
	Response   string                `hcl:"response,optional" doc:"The metric that is compared. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where it is read: \"final\", \"best\" or a step."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are numbers."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels at which the other factors stand."`
	Reference  *float64              `hcl:"reference,optional" doc:"A value of the response that gaps are measured from, such as a baseline's mean."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
}

// Resolve fills derived defaults.
func (a *Dose) Resolve() {
	if a.Response == "" {
		a.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (a *Dose) Validate() diag.List {
	return append(validateAt(a.At), validateConfidence(a.Confidence)...)
}

// Describe implements pipeline.Stage.
func (a *Dose) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, "dose")
}

// Run implements pipeline.Stage.
func (a *Dose) Run(_ context.Context, env *pipeline.Env) error {
	table, replicate, err := openTable(env, a.Response, a.At, a.Replicate)
	if err != nil {
		return err
	}
	s, err := table.slice(a.Factor, replicate, a.Where)
	if err != nil {
		return err
	}
	r := &doseResult{Version: 1, Response: a.Response, At: a.At.Text, Factor: a.Factor, Reference: a.Reference, Confidence: a.Confidence}
	for i := range s.cells {
		c := &s.cells[i]
		dose, err := strconv.ParseFloat(c.id.Text, 64)
		if err != nil {
			return diag.Errorf(diag.Path{"factor"}, "Not a number", "The level %s of %s is no number, so there is no dose.", c.label, a.Factor).Err()
		}
		r.add(dose, c)
	}
	slices.SortFunc(r.Doses, func(a, b doseLine) int {
		if a.Dose < b.Dose {
			return -1
		}
		return 1
	})
	r.trend(s)
	return write(env, r)
}

// doseResult is the answer of a dose analysis.
type doseResult struct {
	Version    int        `json:"version"`
	Response   string     `json:"response"`
	At         string     `json:"at"`
	Factor     string     `json:"factor"`
	Reference  *float64   `json:"reference"`
	Confidence float64    `json:"confidence"`
	Doses      []doseLine `json:"doses"`
	Slope      *float64   `json:"slope"` // of a line through all trials, by least squares
	SlopeLow   *float64   `json:"slope_low"`
	SlopeHigh  *float64   `json:"slope_high"`
	Warnings   []string   `json:"warnings,omitempty"`
}

type doseLine struct {
	Dose float64 `json:"dose"`
	resultCell
	Gap  *float64 `json:"gap"`
	Low  *float64 `json:"low"` // of the gap, or of the mean without a reference
	High *float64 `json:"high"`
}

func (r *doseResult) add(dose float64, c *sliceCell) {
	l := doseLine{Dose: dose, resultCell: newCell(c.cellData, c.label)}
	if l.Mean != nil {
		centre := *l.Mean
		if r.Reference != nil {
			centre -= *r.Reference
			l.Gap = &centre
		}
		if l.SD != nil {
			half := halfOf(l.resultCell, r.Confidence)
			l.Low, l.High = number(centre-half), number(centre+half)
		} else {
			r.warnOnce("Some doses have one trial: they have no interval, since nothing tells a dose from the noise of a replicate.")
		}
	}
	r.Doses = append(r.Doses, l)
}

func (r *doseResult) warnOnce(text string) {
	if !slices.Contains(r.Warnings, text) {
		r.Warnings = append(r.Warnings, text)
	}
}

// trend fits a line through all trials.
func (r *doseResult) trend(s *tableSlice) {
	var x, y []float64
	for _, c := range s.cells {
		if c.diverged > 0 {
			r.warnOnce("Some trials diverged: their doses have no mean and no part in the slope.")
			continue
		}
		dose, _ := strconv.ParseFloat(c.id.Text, 64) // checked before
		for _, v := range c.sample() {
			x, y = append(x, dose), append(y, v)
		}
	}
	if len(x) < 3 || slices.Min(x) == slices.Max(x) {
		return
	}
	intercept, slope := stat.LinearRegression(x, y, nil, false)
	rss, sxx, mean := 0.0, 0.0, stat.Mean(x, nil)
	for i := range x {
		d := y[i] - intercept - slope*x[i]
		rss += d * d
		sxx += (x[i] - mean) * (x[i] - mean)
	}
	df := float64(len(x) - 2)
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(0.5+r.Confidence/2) * math.Sqrt(rss/df/sxx)
	r.Slope, r.SlopeLow, r.SlopeHigh = number(slope), number(slope-half), number(slope+half)
}

func (r *doseResult) sections() []section {
	g := &grid{right: []bool{true, true, true}}
	head := []string{r.Factor, "mean ± s.d.", "n"}
	interval := strconv.FormatFloat(100*r.Confidence, 'g', 4, 64) + " % interval"
	if r.Reference != nil {
		head = append(head, "gap to "+strconv.FormatFloat(*r.Reference, 'g', -1, 64))
		g.right = append(g.right, true)
	}
	g.right = append(g.right, true)
	g.add(append(head, interval)...)
	for _, l := range r.Doses {
		line := []string{strconv.FormatFloat(l.Dose, 'g', -1, 64), l.show(), strconv.Itoa(l.N)}
		if r.Reference != nil {
			line = append(line, signed(l.Gap))
		}
		span := ""
		if l.Low != nil {
			span = "[" + signed(l.Low) + ", " + signed(l.High) + "]"
		}
		g.add(append(line, span)...)
	}
	out := []section{{title: fmt.Sprintf("%s against %s", measureOf(r.Response, r.At), r.Factor), grid: g}}
	if r.Slope != nil {
		out[0].lines = []string{fmt.Sprintf("A line through all trials rises by %s for each unit of %s, interval [%s, %s]; whether the response is a line at all, it does not say.",
			signed(r.Slope), r.Factor, signed(r.SlopeLow), signed(r.SlopeHigh))}
	}
	return warned(out, r.Warnings)
}

func (r *doseResult) csv() (string, error) {
	rows := [][]string{{r.Factor, "n", "mean", "sd", "gap", "low", "high"}}
	for _, l := range r.Doses {
		rows = append(rows, []string{strconv.FormatFloat(l.Dose, 'g', -1, 64), strconv.Itoa(l.N), exact(l.Mean), exact(l.SD), exact(l.Gap), exact(l.Low), exact(l.High)})
	}
	return csvOf(rows)
}
