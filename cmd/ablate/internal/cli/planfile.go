package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ablate/pipeline/planner"
)

// planFormat is the version of saved plans.
const planFormat = 1

// planFile is a plan on disk: how it was asked for, and what it said.
type planFile struct {
	Type    string              `json:"type"`
	Format  int                 `json:"format"`
	Dir     string              `json:"dir"`
	Vars    []variableFlag      `json:"vars,omitempty"`
	Targets []string            `json:"targets,omitempty"`
	Steps   []planner.SavedTask `json:"steps"`
}

// savePlan writes a plan for a later run.
func (g *globals) savePlan(name string, plan *planner.Plan) error {
	dir, err := filepath.Abs(g.dir)
	if err != nil {
		return fmt.Errorf("finding the study's folder: %w", err)
	}
	f := planFile{Type: "plan", Format: planFormat, Dir: dir, Vars: g.vars, Targets: g.targets, Steps: plan.Save()}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if err := os.WriteFile(name, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	g.view().Note("Saved the plan in %s. ablate run %s carries out exactly that, or nothing.", name, shellQuote(name))
	return nil
}

// openPlan takes over what a saved plan was asked with: its folder, unless one
// is named, its variables and its targets.
func (g *globals) openPlan(name string, moved bool) (*planFile, error) {
	if len(g.vars)+len(g.targets) > 0 {
		return nil, errors.New("a saved plan has its own variables and targets: leave out --var, --var-file and --target")
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	var f planFile
	if err := json.Unmarshal(raw, &f); err != nil || f.Type != "plan" {
		return nil, fmt.Errorf("%s is no plan that ablate plan --out wrote", name)
	}
	if f.Format != planFormat {
		return nil, fmt.Errorf("%s is a plan of format %d, and this program knows %d: plan again", name, f.Format, planFormat)
	}
	if !moved {
		g.dir = f.Dir
	}
	g.vars, g.targets = f.Vars, f.Targets
	return &f, nil
}

// check refuses to go on when an ingredient moved since a plan was saved.
func (f *planFile) check(plan *planner.Plan) error {
	moved := plan.Moved(f.Steps)
	if len(moved) == 0 {
		return nil
	}
	const most = 5
	var b strings.Builder
	fmt.Fprintf(&b, "%s no longer what was planned:\n", counted(len(moved), "instance is", "instances are"))
	for i, m := range moved {
		if i == most {
			fmt.Fprintf(&b, "\n    and %d more", len(moved)-most)
			break
		}
		fmt.Fprintf(&b, "\n    %s: %s", m.Address, m.What)
	}
	b.WriteString("\n\nNothing was run. Plan again, and look at what changed")
	return errors.New(b.String())
}
