package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/selector"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
)

// instanceSort is one sort of instances that commands take as arguments.
type instanceSort struct {
	noun string
	is   func(*graph.Node) bool
}

var (
	anyInstance = instanceSort{"instance", func(*graph.Node) bool { return true }}
	analyses    = instanceSort{"analysis", func(n *graph.Node) bool { return n.Kind.Role == pipeline.Analysis }}
	reports     = instanceSort{"report", func(n *graph.Node) bool { return n.Kind.Role == pipeline.Analysis && n.Kind.Type == "report" }}
	trials      = instanceSort{"trial", func(n *graph.Node) bool { return n.Kind.Role == pipeline.Trial }}
)

// index lists the instances of one sort in a study.
func index(linked *graph.Graph, of instanceSort) *selector.Index {
	var all []selector.Candidate
	for _, n := range linked.Nodes {
		if of.is(n) {
			all = append(all, selector.Candidate{Address: n.Instance.Address, Label: n.Instance.Label, Factors: n.Instance.Factors})
		}
	}
	return selector.New(of.noun, all)
}

// selection turns --target into the planner's selection. A target that selects
// nothing is a mistake.
func selection(targets []string, linked *graph.Graph) (func(*planner.Planner, addr.Instance) bool, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	all := index(linked, anyInstance)
	chosen := make(map[addr.Instance]bool)
	for _, t := range targets {
		found, err := all.Select(t)
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		for _, a := range found {
			chosen[a] = true
		}
	}
	return func(_ *planner.Planner, a addr.Instance) bool { return chosen[a] }, nil
}

// find finds the only instance of a sort that a text names.
func (w *workspace) find(plan *planner.Plan, of instanceSort, typed string) (*planner.Task, error) {
	a, err := index(w.graph, of).One(typed)
	if err != nil {
		return nil, err
	}
	if t := plan.Task(a); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%s is not among the targets", a)
}

// selectTasks finds the tasks of a sort that a text names, in the order of the plan.
func (w *workspace) selectTasks(plan *planner.Plan, of instanceSort, typed string) ([]*planner.Task, error) {
	found, err := index(w.graph, of).Select(typed)
	if err != nil {
		return nil, err
	}
	chosen := make(map[addr.Instance]bool, len(found))
	for _, a := range found {
		chosen[a] = true
	}
	var out []*planner.Task
	for _, t := range plan.Tasks {
		if chosen[t.Address] {
			out = append(out, t)
		}
	}
	return out, nil
}

// ambiguous reports whether an error says that a text names several instances.
func ambiguous(err error) bool {
	var several *selector.AmbiguousError
	return errors.As(err, &several)
}

// complete completes arguments that name instances of a sort, up to a number of
// arguments.
func complete(s *session, of instanceSort, most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		linked, err := quietly(s, io.Discard).loadStudy()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		found := index(linked, of).Complete(typed)
		for _, text := range found {
			if strings.HasSuffix(text, "=") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return found, directive
	}
}
