package analysis

import (
	"fmt"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/record"
)

// readSteps is readTable for the number of steps that a metric takes to reach the target.
// A trial that does not reach it is censored, also if it diverged.
func (f *Factorial) readSteps(env *pipeline.Env, response string, _ addr.Level, replicate string) (*design.Table, string, error) {
	inputs := env.Inputs.Refs["trials"]
	if _, ok := asResults(inputs); ok {
		return f.readResultTarget(env, inputs[0], response)
	}
	t, err := emptyTable(inputs, replicate)
	if err != nil {
		return nil, "", err
	}
	for _, in := range inputs {
		rows, err := readMetrics(env, in.Digest(record.Metrics), response, record.Diverged)
		if err != nil {
			return nil, "", fmt.Errorf("reading the metrics of %s: %w", in.Address, err)
		}
		x := f.reach(rows, response)
		if x.Step == 0 {
			if _, err := pick(rows, response, finalStep); err != nil {
				return nil, "", noResponse(in, err).Err()
			}
		}
		t.AddCell(x, in.Factors)
	}
	return t, replicate, nil
}

// readResultTarget is readSteps for finished runs with curves.
func (f *Factorial) readResultTarget(env *pipeline.Env, in pipeline.Input, response string) (*design.Table, string, error) {
	if !hasCurves(in) {
		return nil, "", noSteps(in).Err()
	}
	t, rows, err := readResultSteps(env, in, response)
	if err != nil {
		return nil, "", err
	}
	for i, of := range rows {
		x := f.reach(of, response)
		x.Levels = t.Trials[i].Levels
		t.Trials[i] = x
	}
	return t, t.Columns[t.Replicate].Name, nil
}

// reach is the number of steps to the target.
func (f *Factorial) reach(rows []record.Row, response string) design.Trial {
	x := design.Trial{Censored: true}
	for _, row := range rows {
		if row.Name == record.Diverged {
			x.Step = max(x.Step, row.Step)
		}
		if row.Name != response {
			continue
		}
		x.Step = max(x.Step, row.Step)
		if f.reaches(row.Value) && (x.Censored || float64(row.Step) < x.Response) {
			x.Response, x.Censored = float64(row.Step), false
		}
	}
	return x
}

// reaches reports whether a value is at the target or better.
func (f *Factorial) reaches(v float64) bool {
	if f.Better == "higher" {
		return v >= *f.Target
	}
	return v <= *f.Target
}

func noSteps(in pipeline.Input) diag.List {
	return diag.Errorf(diag.Path{"target"}, "No steps", "%s has one value for each run and no steps, so it cannot say when a target is reached. Remove target, or set curves = true there.", in.Address)
}

// aim names the response of a target, and says what censored trials leave.
func (r *effects) aim() {
	sign := "≤"
	if r.stage.Better == "higher" {
		sign = "≥"
	}
	r.Metric = r.Response
	r.Response = fmt.Sprintf("steps to %s %s %v", r.Metric, sign, *r.stage.Target)
	r.At = ""
	r.Notes = append(r.Notes, fmt.Sprintf("A trial reaches the target at its first evaluation with %s %s %v; the steps since the evaluation before are not resolved.", r.Metric, sign, *r.stage.Target))
	censored := 0
	for _, c := range r.design.Cells {
		censored += c.Censored
	}
	r.say(censored > 0, "%d of %d trials did not reach the target. It is unknown how many steps that takes, so their cells have a rate and a range, and contrasts with them no estimate. A longer run, or a target that all reach, would give one.", censored, r.Trials)
}
