package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ablate/hcl/addr"
	"ablate/pipeline/graph"
)

func (g *globals) graphCommand() *cobra.Command {
	var dot bool
	c := &cobra.Command{
		Use:   "graph",
		Short: "Draw what depends on what, stage by stage",
		Long: "graph prints the study's stages with the number of their instances and what each\n" +
			"depends on, as text, or for Graphviz with --dot." + codes(""),
		Example: "  ablate graph --dot | dot -Tsvg > study.svg",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			graph, err := g.loadStudy()
			if err != nil {
				return err
			}
			g.graph(newStageGraph(graph), dot)
			return nil
		},
	}
	c.Flags().BoolVar(&dot, "dot", false, "print Graphviz's language")
	return c
}

// stageGraph is the graph with the instances of a stage folded into one node.
type stageGraph struct {
	stages []addr.Stage
	counts map[addr.Stage]int
	deps   map[addr.Stage][]addr.Stage
}

func newStageGraph(graph *graph.Graph) stageGraph {
	s := stageGraph{counts: make(map[addr.Stage]int), deps: make(map[addr.Stage][]addr.Stage)}
	for _, a := range graph.Addresses() {
		if s.counts[a.Stage] == 0 {
			s.stages = append(s.stages, a.Stage)
		}
		s.counts[a.Stage]++
	}
	seen := make(map[[2]addr.Stage]bool)
	for _, e := range graph.Edges() {
		pair := [2]addr.Stage{e.From.Stage, e.To.Stage}
		if !seen[pair] {
			seen[pair] = true
			s.deps[e.To.Stage] = append(s.deps[e.To.Stage], e.From.Stage)
		}
	}
	return s
}

func (g *globals) graph(s stageGraph, dot bool) {
	var b strings.Builder
	if dot {
		b.WriteString("digraph study {\n  rankdir = LR\n  node [shape = box]\n")
	}
	for _, stage := range s.stages {
		var deps []string
		for _, d := range s.deps[stage] {
			deps = append(deps, d.String())
			if dot {
				fmt.Fprintf(&b, "  %q -> %q\n", d, stage)
			}
		}
		g.view().Object(map[string]any{"type": "stage", "address": stage.String(), "instances": s.counts[stage], "needs": append([]string{}, deps...)})
		label := stage.String()
		if n := s.counts[stage]; n > 1 {
			label += fmt.Sprintf(" ×%d", n)
		}
		switch {
		case dot:
			fmt.Fprintf(&b, "  %q [label = %q]\n", stage, label)
		case len(deps) > 0:
			fmt.Fprintf(&b, "%s\n  ← %s\n", label, strings.Join(deps, ", "))
		default:
			b.WriteString(label + "\n")
		}
	}
	if dot {
		b.WriteString("}\n")
	}
	g.view().Text(b.String())
}
