package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline/graph"
)

func graphCommand(s *session) *cobra.Command {
	var r graphRequest
	c := &cobra.Command{
		Use:   "graph",
		Short: "Show which stages depend on which",
		Long: "graph prints the study's stages, the number of their instances and what each depends on, as\n" +
			"text, as a picture, or in Graphviz's language." + exitCodes(""),
		Example: "  ablate graph --format svg > study.svg",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	choiceFlag(c.Flags(), c, &r.Format, "format", "text", "%s", "text", "svg", "dot")
	return c
}

// graphRequest asks for the graph of stages.
type graphRequest struct{ Format string }

func (r graphRequest) do(_ context.Context, s *session) error {
	linked, err := s.loadStudy()
	if err != nil {
		return err
	}
	stages := stagesOf(linked)
	switch {
	case s.json: // JSON has one form, whatever --format says
	case r.Format == "dot":
		s.view().Document(view.Dot(stages))
		return nil
	case r.Format == "svg":
		s.view().Document(view.SVG(stages))
		return nil
	}
	for _, e := range stages {
		s.show(e)
	}
	return nil
}

// stagesOf folds the instances of each stage into one node.
func stagesOf(linked *graph.Graph) []view.Stage {
	var out []view.Stage
	index := make(map[addr.Stage]int)
	for _, a := range linked.Addresses() {
		i, known := index[a.Stage]
		if !known {
			i = len(out)
			index[a.Stage] = i
			out = append(out, view.Stage{Address: a.Stage.String()})
		}
		out[i].Instances++
	}
	for _, e := range linked.Edges() {
		stage, need := &out[index[e.To.Stage]], e.From.Stage.String()
		if !slices.Contains(stage.Needs, need) {
			stage.Needs = append(stage.Needs, need)
		}
	}
	return out
}
