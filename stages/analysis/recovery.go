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

// Recovery is analysis "recovery": what share of a gap each other level wins
// back.
type Recovery struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials, or a table of finished runs."`
	Response   string                `hcl:"response,optional" doc:"The metric that is compared. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where it is read: \"final\", \"best\" or a step."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are compared."`
	Lost       addr.Level            `hcl:"lost" doc:"The level that has the gap."`
	Baseline   addr.Level            `hcl:"baseline" doc:"The level that the gap is measured from."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels at which the other factors stand."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
}

// Resolve fills derived defaults.
func (a *Recovery) Resolve() {
	if a.Response == "" {
		a.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (a *Recovery) Validate() diag.List {
	list := append(validateAt(a.At), validateConfidence(a.Confidence)...)
	if a.Lost == a.Baseline {
		list = append(list, diag.Errorf(diag.Path{"lost"}, "No gap", "lost and baseline are one level, %s: there is no gap between them.", a.Lost)...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (a *Recovery) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, "recovery")
}

// Run implements pipeline.Stage.
func (a *Recovery) Run(_ context.Context, env *pipeline.Env) error {
	table, replicate, err := openTable(env, a.Response, a.At, a.Replicate)
	if err != nil {
		return err
	}
	slice, err := table.slice(a.Factor, replicate, a.Where)
	if err != nil {
		return err
	}
	r := &recoveryResult{Version: 1, Response: a.Response, At: a.At.Text, Factor: a.Factor, Confidence: a.Confidence, Contrasts: []resultContrast{}}
	for i := range slice.cells {
		c := &slice.cells[i]
		r.Cells = append(r.Cells, newCell(c.cellData, c.label))
		switch {
		case sameLevel(c.id, a.Lost):
			r.Lost, slice.lost = c.label, c
		case sameLevel(c.id, a.Baseline):
			r.Baseline, slice.base = c.label, c
		}
	}
	if slice.lost == nil || slice.base == nil {
		return diag.Errorf(diag.Path{"lost"}, "Unknown level", "No trial has %s = %s and %s there. There is %s.",
			a.Factor, a.Lost, a.Baseline, join(slice.labels())).Err()
	}
	for i := range slice.cells {
		if c := &slice.cells[i]; c != slice.lost && c != slice.base {
			r.add(slice, c, a.Confidence)
		}
	}
	return write(env, r)
}

// recoveryResult is the answer of a recovery analysis.
type recoveryResult struct {
	Version    int              `json:"version"`
	Response   string           `json:"response"`
	At         string           `json:"at"`
	Factor     string           `json:"factor"`
	Lost       string           `json:"lost"`
	Baseline   string           `json:"baseline"`
	Confidence float64          `json:"confidence"`
	Cells      []resultCell     `json:"cells"`
	Contrasts  []resultContrast `json:"contrasts"`
	Warnings   []string         `json:"warnings,omitempty"`
}

func (r *recoveryResult) add(s *tableSlice, c *sliceCell, confidence float64) {
	rc := resultContrast{Kind: "recovery", Name: c.label, Method: "none",
		Terms: []term{{Factor: r.Factor, Level: c.label, Baseline: s.lost.label}, {Factor: r.Factor, Level: s.base.label, Baseline: s.lost.label}}}
	ratio, low, high, n, why := fieller(s.lost.cellData, c.cellData, s.base.cellData, confidence)
	rc.Estimate, rc.Low, rc.High, rc.N = number(ratio), number(low), number(high), n
	if rc.Low != nil {
		rc.Method = "Fieller"
	}
	if why != "" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %s.", c.label, why))
	}
	r.Contrasts = append(r.Contrasts, rc)
}

// fieller is the share (lost − x) / (lost − base) of means with Fieller's
// interval. Cells with the same replicates are paired; otherwise the numerator
// and the denominator share what varies in lost alone, and the degrees of
// freedom are those of the smallest cell. why says what is missing.
func fieller(lost, x, base *cellData, confidence float64) (ratio, low, high float64, n int, why string) {
	nan := math.NaN()
	for _, c := range []*cellData{lost, x, base} {
		if !c.complete() {
			return nan, nan, nan, 0, "some trials diverged: " + c.rate()
		}
	}
	_, meanLost, sdLost := lost.summary()
	_, meanX, sdX := x.summary()
	_, meanBase, sdBase := base.summary()
	a, b := meanLost-meanX, meanLost-meanBase
	if b == 0 {
		return nan, nan, nan, 0, "there is no gap to win back"
	}
	ratio = a / b
	sizes := []float64{float64(len(lost.order)), float64(len(x.order)), float64(len(base.order))}
	n = int(slices.Min(sizes))
	if n < 2 {
		return ratio, nan, nan, n, "one trial a cell, so there is no interval"
	}
	var vaa, vbb, vab float64
	if sameSet(lost.order, x.order) && sameSet(lost.order, base.order) {
		as, bs := make([]float64, n), make([]float64, n)
		for i, r := range lost.order {
			as[i], bs[i] = lost.values[r]-x.values[r], lost.values[r]-base.values[r]
		}
		vaa, vbb, vab = stat.Variance(as, nil)/sizes[0], stat.Variance(bs, nil)/sizes[0], stat.Covariance(as, bs, nil)/sizes[0]
	} else {
		vab = sdLost * sdLost / sizes[0]
		vaa, vbb = vab+sdX*sdX/sizes[1], vab+sdBase*sdBase/sizes[2]
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile(0.5 + confidence/2)
	g := t * t * vbb / (b * b)
	if g >= 1 {
		return ratio, nan, nan, n, "the gap itself may be nothing, so the share has no bounded interval"
	}
	inner := vaa - 2*ratio*vab + ratio*ratio*vbb
	centre, half := ratio, t/math.Abs(b)*math.Sqrt(max(0, inner))
	if vbb > 0 {
		centre = (ratio - g*vab/vbb) / (1 - g)
		half = t / (math.Abs(b) * (1 - g)) * math.Sqrt(max(0, inner-g*(vaa-vab*vab/vbb)))
	}
	return ratio, centre - half, centre + half, n, ""
}

func (r *recoveryResult) sections() []section {
	g := &grid{right: []bool{false, true, true, true}}
	g.add(r.Factor, "mean ± s.d.", "won back", strconv.FormatFloat(100*r.Confidence, 'g', 4, 64)+" % interval (Fieller)")
	share := func(v *float64) string {
		if v == nil {
			return ""
		}
		return typeset("%.1f %%", 100**v)
	}
	for _, c := range r.Cells {
		line := []string{c.Levels[0], c.show(), "", ""}
		for _, x := range r.Contrasts {
			if x.Name == c.Levels[0] {
				line[2] = share(x.Estimate)
				if x.Low != nil {
					line[3] = "[" + share(x.Low) + ", " + share(x.High) + "]"
				}
			}
		}
		g.add(line...)
	}
	out := []section{{title: fmt.Sprintf("Share of the gap of %s to %s that is won back, by %s", r.Lost, r.Baseline, measureOf(r.Response, r.At)), grid: g}}
	return warned(out, r.Warnings)
}

func (r *recoveryResult) csv() (string, error) {
	rows := [][]string{{r.Factor, "n", "mean", "sd", "recovery", "low", "high"}}
	for _, c := range r.Cells {
		line := []string{c.Levels[0], strconv.Itoa(c.N), exact(c.Mean), exact(c.SD), "", "", ""}
		for _, x := range r.Contrasts {
			if x.Name == c.Levels[0] {
				line[4], line[5], line[6] = exact(x.Estimate), exact(x.Low), exact(x.High)
			}
		}
		rows = append(rows, line)
	}
	return csvOf(rows)
}
