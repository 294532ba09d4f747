package view

import (
	"time"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// Cells is the width of a text on a terminal.
var Cells = cells

// LiveRow is the row of a running trial that started an hour ago.
func (v *View) LiveRow(a addr.Instance, step, steps int, metrics map[string]float64) []string {
	p := v.NewProgress("none", 2, nil)
	e := run.Event{Address: a, Progress: pipeline.Progress{Step: step, Steps: steps, Metrics: metrics}}
	p.running[a.String()] = &runningStep{event: e, started: time.Now().Add(-time.Hour)}
	return p.live(v.opts.Columns)
}

// Update says that golden files are written anew.
var Update = update

// FitNames shortens names of trials.
var FitNames = fitNames
