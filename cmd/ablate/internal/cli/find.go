package cli

import (
	"fmt"
	"slices"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// selection turns --target into the planner's selection. A target that selects
// nothing is a mistake.
func selection(targets []string, all []*study.Instance) (func(*planner.Planner, addr.Instance) bool, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	var patterns []addr.Pattern
	for _, t := range targets {
		p, err := addr.ParsePattern(t)
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		if !slices.ContainsFunc(all, func(i *study.Instance) bool { return p.Match(i.Address) }) {
			return nil, fmt.Errorf("--target: no instance of the study is %s; ablate show lists them", t)
		}
		patterns = append(patterns, p)
	}
	return func(_ *planner.Planner, a addr.Instance) bool {
		return slices.ContainsFunc(patterns, func(p addr.Pattern) bool { return p.Match(a) })
	}, nil
}

// findTask finds one instance of a plan by its address.
func findTask(plan *planner.Plan, typed string) (*planner.Task, error) {
	a, err := addr.Parse(typed)
	if err != nil {
		return nil, err
	}
	if t := plan.Task(a); t != nil {
		return t, nil
	}
	var several []*planner.Task
	for _, t := range plan.Tasks {
		if t.Address.Stage == a.Stage {
			several = append(several, t)
		}
	}
	if a.Key == "" && len(several) > 0 {
		return nil, fmt.Errorf("%s has %d instances: name one of them, for example\n\n    %s", a, len(several), view.ShellQuote(several[0].Address.String()))
	}
	return nil, fmt.Errorf("the study has no %s; ablate show lists its instances", a)
}

// findAnalysis finds an analysis by its address or name.
func findAnalysis(plan *planner.Plan, typed string) (*planner.Task, error) {
	var found []*planner.Task
	for _, t := range plan.Tasks {
		if t.Role == pipeline.Analysis && (t.Address.Stage.Name == typed || t.Address.String() == typed) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the study has no analysis %q; ablate show lists its instances", typed)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("the study has several analyses %q: name one by its address, for example\n\n    %s", typed, view.ShellQuote(found[0].Address.String()))
}
