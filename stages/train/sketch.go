package train

import (
	"strings"

	"ablate/hcl/formula"
	"ablate/pipeline"
)

// Sketches implements pipeline.Sketcher: the schedule by step, and the loss of a token.
func (t *LM) Sketches() (out []pipeline.Sketch) {
	if c := t.Schedule.Formula; c != nil {
		s := pipeline.Sketch{Title: "schedule.multiplier", Of: "step"}
		for _, x := range formula.Points(0, float64(t.Steps-1)) {
			step := int(x + 0.5)
			s.X, s.Y = append(s.X, float64(step)), append(s.Y, c.at(step, t.Steps))
		}
		out = append(out, s)
	}
	start := map[string]float64{"cross_entropy": 5.5, "log_z": 5.5, "mean_logit": 0}
	for _, name := range lossNames {
		if !t.Loss.Reads(name) {
			continue
		}
		var given []string
		names := make(map[string]formula.Grid)
		for _, other := range lossNames {
			names[other] = formula.Single(start[other])
			if other != name && t.Loss.Reads(other) {
				given = append(given, map[string]string{"cross_entropy": "cross_entropy is 5.5", "log_z": "log_z is 5.5", "mean_logit": "mean_logit is 0"}[other])
			}
		}
		points := formula.Points(0, 11)
		if name == "mean_logit" {
			points = formula.Points(-4, 4)
		}
		s := pipeline.Sketch{Title: "loss", Of: name, X: points}
		if len(given) > 0 {
			s.Given = strings.Join(given, ", ") + "."
		}
		s.Y, s.Slopes = t.Loss.Along(names, name, points)
		out = append(out, s)
	}
	return out
}
