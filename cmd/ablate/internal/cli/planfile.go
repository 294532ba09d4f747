package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/pipeline/planner"
	"ablate/pipeline/process"
	"ablate/pipeline/source"
)

// planFormat is the version of saved plans.
const planFormat = 2

// planFile is a saved plan with the options that it was made with. Its JSON begins with
// source.PlanHead.
type planFile struct {
	Type    string    `json:"type"`
	Format  int       `json:"format"`
	Dir     string    `json:"dir"`
	Vars    []hcl.Var `json:"vars,omitempty"`
	Targets []string  `json:"targets,omitempty"`
	planner.SavedPlan
}

// savePlan writes a plan for a later run.
func savePlan(s *session, name string, targets []string, plan *planner.Plan) error {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return fmt.Errorf("finding the study's folder: %w", err)
	}
	f := planFile{Type: "plan", Format: planFormat, Dir: dir, Vars: s.vars, Targets: targets, SavedPlan: plan.Save()}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if err := os.WriteFile(name, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	s.view().Note("Saved the plan in %s. To carry it out:\n\n    ablate run %s\n", name, process.ShellQuote(name))
	return nil
}

// mayReplace refuses to replace a file of the user by a plan. An empty one, as mktemp
// makes, loses nothing.
func mayReplace(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case info.Mode().IsRegular() && info.Size() == 0, !info.Mode().IsRegular() && !info.IsDir(): // such as /dev/stdout
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%s exists and may not be a plan: %w", name, err)
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, int64(len(source.PlanHead))))
	if err != nil {
		return fmt.Errorf("%s exists and may not be a plan: %w", name, err)
	}
	if string(head) != source.PlanHead {
		return fmt.Errorf("%s exists and is not a plan: remove it, or name another with --out", name)
	}
	return nil
}

// openPlan reads a saved plan.
func openPlan(name string) (*planFile, error) {
	raw, err := fsys.ReadRegular(name, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	var f planFile
	if err := json.Unmarshal(raw, &f); err != nil || f.Type != "plan" {
		return nil, fmt.Errorf("%s is not a plan: create one with ablate plan --out FILE", name)
	}
	if f.Format != planFormat {
		return nil, fmt.Errorf("%s has plan format %d, but this program reads format %d: create a new plan", name, f.Format, planFormat)
	}
	return &f, nil
}

// use makes a session's options those of the plan. The folder stays where the user
// chose one.
func (f *planFile) use(s *session, folderChosen bool) error {
	if len(s.vars) > 0 {
		return errors.New("a saved plan has its own variables: leave out --var and --var-file")
	}
	if !folderChosen {
		s.dir = f.Dir
	}
	s.vars = f.Vars
	return nil
}

// check refuses a plan whose ingredients changed after the plan was saved.
func (f *planFile) check(ctx context.Context, plan *planner.Plan) error {
	changed := plan.Drift(ctx, f.SavedPlan)
	if len(changed) == 0 {
		return nil
	}
	const shown = 5
	var b strings.Builder
	fmt.Fprintf(&b, "%s changed after the plan was saved:\n", view.Count(len(changed), "instance"))
	for i, c := range changed {
		if i == shown {
			fmt.Fprintf(&b, "\n    and %d more", len(changed)-shown)
			break
		}
		fmt.Fprintf(&b, "\n    %s: %s", c.Address, c.What)
	}
	b.WriteString("\n\nNothing was run. Create a new plan and review the changes")
	return errors.New(b.String())
}
