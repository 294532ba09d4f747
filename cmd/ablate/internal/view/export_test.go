package view

import (
	"time"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// Cells is the width of a text on a terminal.
var Cells = cells

// LiveRow is the row of a running trial that has taken an hour.
func (v *View) LiveRow(a addr.Instance, step, steps int, metrics map[string]float64) []string {
	return v.LiveRows(10, step, steps, metrics, a)
}

// LiveRows are those of several trials, in a height.
func (v *View) LiveRows(height, step, steps int, metrics map[string]float64, of ...addr.Instance) []string {
	p := v.NewProgress("none", 2, nil)
	for _, a := range of {
		p.Observe(run.Event{Type: run.StageStart, Address: a})
		started := time.Now()
		for at := range 2 {
			p.Observe(run.Event{Type: run.StageProgress, Address: a, Time: started.Add(time.Duration(at) * time.Hour),
				Progress: pipeline.Progress{Step: at * step, Steps: steps, Metrics: metrics}})
		}
	}
	return p.live(v.opts.Columns, height)
}

// Watched lays a study out in a width and a height.
func (v *View) Watched(w Watched, width, height int) []string { return v.watched(w, width, height) }

// Update says that golden files are written anew.
var Update = update

// FitNames shortens names of trials.
var FitNames = fitNames
