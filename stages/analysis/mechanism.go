package analysis

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
	"ablate/stages/record"
)

// Mechanism is analysis "mechanism": what the probes recorded, by cell, layer
// and step.
type Mechanism struct {
	Trials    []addr.Instance `hcl:"trials" ref:"train" doc:"The trials: a train stage stands for all its trials."`
	Quantity  string          `hcl:"quantity,optional" doc:"What the probes recorded: \"saturated\", \"input_std\", \"input_rms\", \"argument_std\", \"output_variance\", \"alpha\", \"alpha_gradient\", \"score_max\", \"frobenius\" or \"spectral\"."`
	Site      string          `hcl:"site,optional" doc:"Where in a layer, as the end of the probe's path: \"ffn\", \"attention\", \"q\" and \"k\" for norms of queries and keys, \"ffn_output\", \"ffn.down\"."`
	Replicate string          `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell; they are averaged."`
}

// probeSites lists what probes record, and where; nil for the weight matrices,
// whose sites depend on the model.
var probeSites = map[string][]string{
	"saturated": normSites, "input_std": normSites, "input_rms": normSites, "argument_std": normSites, "output_variance": normSites,
	"alpha": normSites, "alpha_gradient": normSites, "score_max": {"attention"}, "frobenius": nil, "spectral": nil,
}

// normSites are the places of a layer's normalizations, as paths of probes end.
var normSites = []string{"attention", "ffn", "attention_output", "ffn_output", "q", "k"}

// Validate implements pipeline.Stage.
func (a *Mechanism) Validate() diag.List {
	sites, known := probeSites[a.Quantity]
	switch {
	case !known:
		return diag.Errorf(diag.Path{"quantity"}, "Unknown quantity", "Probes do not record %q. They record %s.", a.Quantity, join(sortedKeys(probeSites)))
	case a.Site == "":
		return diag.Errorf(diag.Path{"site"}, "Unknown site", "site is empty. Name a place in a layer, such as \"ffn\".")
	case sites != nil && !slices.Contains(sites, a.Site):
		return diag.Errorf(diag.Path{"site"}, "Unknown site", "Probes do not record %s at %q. They record it at %s.", a.Quantity, a.Site, join(sites))
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
		p, ok := t.Artifact(record.Probes)
		if !ok {
			return pipeline.Recipe{}, noProbes(t.Address).Err()
		}
		labels := make(map[string]cache.Value)
		for _, f := range t.Factors {
			labels[f.Name] = cache.List(cache.String(f.Level.String()), cache.String(f.Label))
		}
		items[i] = cache.Map(map[string]cache.Value{"factors": cache.Map(labels), "probes": cache.DigestValue(p.Digest)})
	}
	host, err := code(in, mechanismSubject())
	if err != nil {
		return pipeline.Recipe{}, err
	}
	return pipeline.Recipe{
		Code:    host,
		Inputs:  cache.Map(map[string]cache.Value{"trials": cache.List(items...)}),
		Outputs: outputs(),
	}, nil
}

// Run implements pipeline.Stage.
func (a *Mechanism) Run(_ context.Context, env *pipeline.Env) error {
	inputs := env.Inputs.Refs["trials"]
	t := newTable(inputs, a.Replicate)
	for _, in := range inputs {
		t.AddCell(design.Trial{}, in.Factors)
	}
	d := design.New(t, a.Replicate)
	p := &probes{Mechanism: answer.Mechanism{Version: 2, Quantity: a.Quantity, Site: a.Site}, cells: make(map[int]int)}
	seen := make(readings)
	for i, in := range inputs {
		cell := d.CellOf(t, i)
		err := a.eachProbe(env, in, seen, func(step, layer int, value float64) {
			p.add(cell, d.CellName(d.Cells[cell].Levels), step, layer, value)
		})
		if err != nil {
			return err
		}
	}
	switch {
	case len(p.Cells) > 0:
	case len(seen) > 0:
		return a.notRecorded(seen).Err()
	default: // divergence is a result
		p.Cells = []answer.MechanismCell{}
		p.Warnings = []string{"No trial has a probe: all diverged before their first one."}
	}
	p.average()
	return render.Write(env, p.Mechanism, render.Mechanism(p.Mechanism))
}

// layerPath finds the number of the layer and the site in the path of a probe.
var layerPath = regexp.MustCompile(`^layers\.(\d+)\.(?:norm\.)?(.+)$`)

// eachProbe reads what the probes of a trial recorded at the analysis's site, and notes
// what else they did.
func (a *Mechanism) eachProbe(env *pipeline.Env, in pipeline.Input, seen readings, do func(step, layer int, value float64)) error {
	f, err := env.Open(in.Digest(record.Probes))
	if err != nil {
		return fmt.Errorf("reading the probes of %s: %w", in.Address, err)
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the probes of %s: %w", in.Address, err)
		}
		m := layerPath.FindStringSubmatch(row[1])
		if m == nil {
			continue
		}
		if m[2] != a.Site || row[2] != a.Quantity {
			seen[reading{row[2], m[2]}] = true
			continue
		}
		step, err1 := strconv.Atoi(row[0])
		layer, err2 := strconv.Atoi(m[1])
		value, err3 := strconv.ParseFloat(row[3], 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return fmt.Errorf("reading the probes of %s: row %v: %w", in.Address, row, err)
		}
		do(step, layer, value)
	}
}

// probes is a mechanism's answer while it is read.
type probes struct {
	answer.Mechanism
	cells map[int]int // by index of the design's cell, that of the answer's
}

func (p *probes) add(cell int, name string, step, layer int, value float64) {
	i, ok := p.cells[cell]
	if !ok {
		i = len(p.Cells)
		p.cells[cell] = i
		p.Cells = append(p.Cells, answer.MechanismCell{Name: name})
	}
	p.Layers = max(p.Layers, layer+1)
	p.Cells[i].Points = append(p.Cells[i].Points, answer.MechanismPoint{Step: step, Layer: layer, Value: value, N: 1})
}

// average joins the replicates of each point.
func (p *probes) average() {
	for i := range p.Cells {
		c := &p.Cells[i]
		slices.SortStableFunc(c.Points, func(a, b answer.MechanismPoint) int {
			return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Layer, b.Layer))
		})
		var out []answer.MechanismPoint
		for _, x := range c.Points {
			if k := len(out) - 1; k >= 0 && out[k].Step == x.Step && out[k].Layer == x.Layer {
				out[k].Value += x.Value
				out[k].N++
				continue
			}
			out = append(out, x)
		}
		for k := range out {
			out[k].Value /= float64(out[k].N)
		}
		c.Points = out
	}
}
