package analysis

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Mechanism is analysis "mechanism": what the probes saw, by cell, layer and
// step.
type Mechanism struct {
	Trials    []addr.Instance `hcl:"trials" ref:"train" doc:"The trials: a train stage stands for all of its."`
	Quantity  string          `hcl:"quantity,optional" doc:"What the probes took: \"saturated\", \"input_std\", \"input_rms\", \"argument_std\", \"output_variance\", \"alpha\", \"alpha_gradient\", \"score_max\", \"frobenius\" or \"spectral\"."`
	Site      string          `hcl:"site,optional" doc:"Where in a layer, as the end of the probe's path: \"ffn\", \"attention\", \"ffn.down\"."`
	Replicate string          `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell; they are averaged."`
}

// probesName is the artifact of a trial that holds what its probes saw.
const probesName = "probes"

// Validate implements pipeline.Stage.
func (a *Mechanism) Validate() diag.List {
	if a.Quantity == "" || a.Site == "" {
		return diag.Errorf(diag.Path{"quantity"}, "Nothing to show", "quantity and site must name something that the probes took.")
	}
	return nil
}

// Describe implements pipeline.Stage.
func (a *Mechanism) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if err := sameFactors(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	items := make([]cache.Value, len(trials))
	for i, t := range trials {
		p, ok := t.Artifact(probesName)
		if !ok {
			return pipeline.Recipe{}, diag.Errorf(diag.Path{"trials"}, "No probes", "%s took no probes: give its train stage probe { every = … }.", t.Address).Err()
		}
		labels := make(map[string]cache.Value)
		for _, f := range t.Factors {
			labels[f.Name] = cache.List(cache.String(f.Level.String()), cache.String(f.Label))
		}
		items[i] = cache.Map(map[string]cache.Value{"factors": cache.Map(labels), "probes": cache.DigestValue(p.Digest)})
	}
	return pipeline.Recipe{
		Inputs:  cache.Map(map[string]cache.Value{"trials": cache.List(items...)}),
		Outputs: outputs("mechanism", "heat"),
	}, nil
}

// Run implements pipeline.Stage.
func (a *Mechanism) Run(_ context.Context, env *pipeline.Env) error {
	r := &mechanismResult{Version: 2, Quantity: a.Quantity, Site: a.Site}
	for _, in := range env.Inputs.Refs["trials"] {
		if err := a.read(env, in, r); err != nil {
			return err
		}
	}
	if len(r.Cells) == 0 {
		return diag.Errorf(diag.Path{"quantity"}, "No such quantity", "No probe took %q at %q. Look at a trial's probes with ablate show.", a.Quantity, a.Site).Err()
	}
	r.average()
	return write(env, r)
}

// layerPath finds the layer's number and the site in a probe's path.
var layerPath = regexp.MustCompile(`^layers\.(\d+)\.(?:norm\.)?(.+)$`)

func (a *Mechanism) read(env *pipeline.Env, in pipeline.Input, r *mechanismResult) error {
	f, err := env.Open(in.Digest(probesName))
	if err != nil {
		return fmt.Errorf("reading the probes of %s: %w", in.Address, err)
	}
	defer f.Close()
	var levels []string
	for _, x := range in.Factors {
		if x.Name != a.Replicate {
			levels = append(levels, x.Label)
		}
	}
	cell := strings.Join(levels, " + ")
	rows := csv.NewReader(f)
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the probes of %s: %w", in.Address, err)
		}
		m := layerPath.FindStringSubmatch(row[1])
		if m == nil || m[2] != a.Site || row[2] != a.Quantity {
			continue
		}
		step, err1 := strconv.Atoi(row[0])
		layer, err2 := strconv.Atoi(m[1])
		value, err3 := strconv.ParseFloat(row[3], 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return fmt.Errorf("reading the probes of %s: the row %v is none of theirs", in.Address, row)
		}
		r.add(strings.Clone(cell), step, layer, value)
	}
}

// mechanismResult is what the probes saw, averaged over replicates.
type mechanismResult struct {
	Version  int             `json:"version"`
	Quantity string          `json:"quantity"`
	Site     string          `json:"site"`
	Layers   int             `json:"layers"`
	Cells    []mechanismCell `json:"cells"`
}

type mechanismCell struct {
	Name   string           `json:"cell"`
	Points []mechanismPoint `json:"points"` // by step, then layer
}

type mechanismPoint struct {
	Step  int     `json:"step"`
	Layer int     `json:"layer"`
	Value float64 `json:"value"`
	N     int     `json:"n"`
}

func (r *mechanismResult) add(cell string, step, layer int, value float64) {
	i := slices.IndexFunc(r.Cells, func(c mechanismCell) bool { return c.Name == cell })
	if i < 0 {
		i = len(r.Cells)
		r.Cells = append(r.Cells, mechanismCell{Name: cell})
	}
	r.Layers = max(r.Layers, layer+1)
	r.Cells[i].Points = append(r.Cells[i].Points, mechanismPoint{step, layer, value, 1})
}

// average joins the replicates of a point.
func (r *mechanismResult) average() {
	for i := range r.Cells {
		c := &r.Cells[i]
		slices.SortStableFunc(c.Points, func(a, b mechanismPoint) int {
			if a.Step != b.Step {
				return a.Step - b.Step
			}
			return a.Layer - b.Layer
		})
		var out []mechanismPoint
		for _, p := range c.Points {
			if k := len(out) - 1; k >= 0 && out[k].Step == p.Step && out[k].Layer == p.Layer {
				out[k].Value += p.Value
				out[k].N++
				continue
			}
			out = append(out, p)
		}
		for k := range out {
			out[k].Value /= float64(out[k].N)
		}
		c.Points = out
	}
}

// last is a cell's points at its last step, by layer.
func (c mechanismCell) last() []mechanismPoint {
	step := c.Points[len(c.Points)-1].Step
	return slices.DeleteFunc(slices.Clone(c.Points), func(p mechanismPoint) bool { return p.Step != step })
}

func (r *mechanismResult) title() string {
	return fmt.Sprintf("%s at %s", strings.ReplaceAll(r.Quantity, "_", " "), r.Site)
}

func (r *mechanismResult) sections() []section {
	g := &grid{right: []bool{false}}
	head := []string{"cell"}
	for l := range r.Layers {
		head, g.right = append(head, fmt.Sprintf("layer %d", l)), append(g.right, true)
	}
	g.add(head...)
	step := 0
	for _, c := range r.Cells {
		line := make([]string, r.Layers+1)
		line[0] = c.Name
		for _, p := range c.last() {
			line[p.Layer+1], step = strings.Replace(strconv.FormatFloat(p.Value, 'g', 4, 64), "-", "−", 1), p.Step
		}
		g.add(line...)
	}
	return []section{{title: fmt.Sprintf("%s at step %d, mean of replicates", r.title(), step), grid: g}}
}

func (r *mechanismResult) csv() (string, error) {
	rows := [][]string{{"cell", "step", "layer", r.Quantity, "n"}}
	for _, c := range r.Cells {
		for _, p := range c.Points {
			rows = append(rows, []string{c.Name, strconv.Itoa(p.Step), strconv.Itoa(p.Layer), exact(&p.Value), strconv.Itoa(p.N)})
		}
	}
	return csvOf(rows)
}

// figures draws the last layer, where the paper sees the cells part, and all of
// them as heat maps.
func (r *mechanismResult) figures() []figure {
	p := newPlot("step", fmt.Sprintf("%s, layer %d", r.title(), r.Layers-1))
	for i, c := range r.Cells {
		var w whiskers
		for _, x := range c.Points {
			if x.Layer == r.Layers-1 {
				w.XYs = append(w.XYs, plotter.XY{X: float64(x.Step), Y: x.Value})
			}
		}
		if len(w.XYs) > 0 {
			course(p, i, c.Name, w)
		}
	}
	out := []figure{{name: "mechanism", plot: p, width: 6 * vg.Inch, height: 4 * vg.Inch, legend: len(r.Cells)}}
	if f, ok := r.heat(); ok {
		out = append(out, f)
	}
	return out
}
