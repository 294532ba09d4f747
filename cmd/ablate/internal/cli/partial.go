package cli

import (
	"context"
	"errors"
	"fmt"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// answers is a plan whose analyses may lack trials, and why some have no result.
type answers struct {
	*planner.Plan
	failures map[addr.Instance]error
}

// plannedAnswers plans the study. With partial, the analyses first answer from the
// trials that have a result.
func (s *session) plannedAnswers(ctx context.Context, partial bool) (*workspace, answers, error) {
	if !partial {
		w, plan, err := s.planned(ctx)
		return w, answers{Plan: plan}, err
	}
	w, err := s.open(ctx, nil)
	if err != nil {
		return nil, answers{}, err
	}
	a, err := w.answerPartially(ctx)
	return w, a, err
}

// answerPartially runs the analyses over cached trials and trains nothing. Reports then
// do without the analyses that have no answer.
func (w *workspace) answerPartially(ctx context.Context) (answers, error) {
	a := answers{failures: make(map[addr.Instance]error)}
	observe := func(e run.Event) {
		if e.Type == run.StageFailed {
			a.failures[e.Address] = e.Err
		}
	}
	wanted := func(t *planner.Task) bool {
		return t.Status == planner.Pull || t.Role == pipeline.Analysis && a.failures[t.Address] == nil
	}
	answer := func() error {
		plan, err := answerFrom(ctx, w, wanted, observe)
		var failed *run.FailedError
		if errors.As(err, &failed) {
			err = nil
		}
		a.Plan = plan
		return err
	}
	if err := answer(); err != nil {
		return a, err
	}
	w.planner.Without = make(map[addr.Instance]bool)
	for _, t := range a.Tasks {
		if t.Role == pipeline.Analysis && t.Status != planner.Hit {
			w.planner.Without[t.Address] = true
		}
	}
	if len(w.planner.Without) == 0 {
		return a, nil
	}
	return a, answer()
}

// answerFrom makes a partial plan from the results in the store and runs its wanted tasks.
func answerFrom(ctx context.Context, w *workspace, wanted func(*planner.Task) bool, observe func(run.Event)) (*planner.Plan, error) {
	w.planner.Partial = true
	plan, err := w.plan(ctx)
	if err != nil {
		return nil, err
	}
	runner, err := w.runner(ctx, runOptions{KeepGoing: true}, observe)
	if err != nil {
		return nil, err
	}
	_, err = runner.Run(ctx, plan.Only(wanted))
	return plan, err
}

// failed lists the tasks that failed.
func (a answers) failed() (out []*planner.Task) {
	for _, t := range a.Tasks {
		if a.failures[t.Address] != nil {
			out = append(out, t)
		}
	}
	return out
}

// failure is why a task failed; nil also where what is wrong may be that trials are missing.
func (a answers) failure(t *planner.Task) error {
	if err := a.failures[t.Address]; !insufficient(t, err) {
		return err
	}
	return nil
}

// insufficient reports whether a task may have failed because trials are missing. Failures of
// the machine are no diagnostics.
func insufficient(t *planner.Task, err error) bool {
	_, ok := diag.From(err)
	return ok && t.Absent > 0
}

// tell warns of the tasks that have no answer, and says why.
func (a answers) tell(w *workspace, tasks ...*planner.Task) {
	var list diag.List
	for _, t := range tasks {
		inst := w.graph.Instance(t.Address)
		warn := diag.Diagnostic{Severity: diag.Warning, Summary: "Not answered yet", Range: &inst.Range, Address: t.Address.String()}
		err := a.failures[t.Address]
		switch {
		case t.Role == pipeline.Analysis && t.Status == planner.Pending:
			warn.Detail = fmt.Sprintf("%s %s.", t.Address, t.Reason.Text)
		case err == nil || t.Status == planner.Hit:
			continue
		case insufficient(t, err):
			warn.Detail = fmt.Sprintf("%s lacks %s, and those that have a result do not suffice: %s", t.Address, view.Count(t.Absent, "trial"), reason(err))
		default:
			warn.Summary, warn.Detail = "Not answered", fmt.Sprintf("%s failed: %s", t.Address, reason(err))
		}
		list = append(list, warn)
	}
	w.session.view().Diagnostics(list)
}

// reason is the text of an error without the summaries of diagnostics.
func reason(err error) string {
	list, ok := diag.From(err)
	if !ok {
		return err.Error()
	}
	text := ""
	for _, d := range list {
		if text != "" {
			text += " "
		}
		text += d.Detail
	}
	return text
}

// partialOutcome is the exit code 3 where an answer among the tasks lacks trials, or has
// none of them.
func partialOutcome(tasks ...*planner.Task) error {
	for _, t := range tasks {
		if t.Absent > 0 || t.Role == pipeline.Analysis && t.Status != planner.Hit {
			return exitError{ExitPartial}
		}
	}
	return nil
}
