package analysis

import (
	"encoding/json"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/answer"
	"ablate/stages/internal/behaviour"
)

// A page says how often all its analyses together claim what is not there.
func TestRateOfAPage(t *testing.T) {
	lab := behaviour.NewLab(nil)
	low := 1.
	of := func(kind string, document any) pipeline.Input {
		raw, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		return pipeline.Input{Address: addr.Instance{Stage: addr.Stage{Block: "analysis", Type: kind, Name: kind}}, Artifacts: []cache.Artifact{lab.Artifact("result", raw)}}
	}
	gaps, mains := answer.Family{Name: "gap", Size: 3}, answer.Family{Name: "main", Size: 2}
	factorial := of("factorial", answer.Result{Confidence: 0.95, Families: []answer.Family{gaps, mains, {Name: "declared"}, {Name: "equivalence of gap", Size: 3}}})
	joint := of("factorial", answer.Result{Confidence: 0.95, Joint: true, Families: []answer.Family{gaps}, Others: []answer.Result{{Families: []answer.Family{gaps}}}})
	dose := of("dose", answer.Dose{Confidence: 0.9, Families: []answer.Family{{Name: "dose", Size: 4}, {Name: "slope", Size: 1}}})
	recovery := of("recovery", answer.Recovery{Confidence: 0.99, Contrasts: []answer.Contrast{{Low: &low}, {Low: &low}, {}}})
	trajectory := of("trajectory", answer.Trajectory{Confidence: 0.95, Levels: []answer.TrajectoryLine{{Points: []answer.TrajectoryPoint{{}, {Low: &low}}}, {Points: []answer.TrajectoryPoint{{}}}}})
	for want, analyses := range map[string][]pipeline.Input{
		"the 8 families of this page together make a false claim in at most 42 % of studies": {factorial, joint, dose, recovery, trajectory},
		"excludes 0.\"": {joint}, // one family has the rate that its analysis says
	} {
		done, err := lab.Run(pipeline.Inputs{Refs: map[string][]pipeline.Input{"analyses": analyses}}, (&Report{}).Run)
		if err != nil || !strings.Contains(string(done.Outputs["page"]), want) {
			t.Errorf("want %q, %v, in\n%s", want, err, done.Outputs["page"])
		}
	}
}
