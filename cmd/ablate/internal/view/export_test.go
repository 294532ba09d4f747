package view

import (
	"time"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// Cells is the width of a text on a terminal.
var Cells = cells

// LiveRows are the rows of trials that have taken an hour, in a height.
func LiveRows(v *View, height, step, steps int, metrics map[string]float64, of ...addr.Instance) []string {
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

// WatchedLines lays a study out in a width and a height.
func WatchedLines(v *View, w Watched, width, height int) []string { return v.watched(w, width, height) }

// Update says that golden files are written anew.
var Update = update

// FitNames shortens names of trials.
var FitNames = fitNames
