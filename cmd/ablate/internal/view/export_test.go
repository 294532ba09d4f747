package view

import (
	"time"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// Cells is the width of a text on a terminal.
var Cells = cells

// LiveRows are the rows of trials that started an hour ago, in a height.
func LiveRows(v *View, height, step, steps int, metrics map[string]float64, of ...addr.Instance) []string {
	p := v.NewProgress("none", 2, nil)
	for _, a := range of {
		e := run.Event{Address: a, Progress: pipeline.Progress{Step: step, Steps: steps, Metrics: metrics}}
		p.running[a.String()] = &runningStep{event: e, started: time.Now().Add(-time.Hour)}
	}
	return p.live(v.opts.Columns, height)
}

// WatchedLines lays a study out in a width and a height.
func WatchedLines(v *View, w Watched, width, height int) []string { return v.watched(w, width, height) }

// Update says that golden files are written anew.
var Update = update

// FitNames shortens names of trials.
var FitNames = fitNames
