package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/record"
)

func showCommand(s *session) *cobra.Command {
	var r showRequest
	c := &cobra.Command{
		Use:   "show [INSTANCE|NUMBER]",
		Short: "Show an analysis's table, or an instance's spec and results",
		Long: "show lists the study's instances with their state. Given an instance, it shows the table of an\n" +
			"analysis, or the spec, key, artifacts, last metrics and loss of any other. Formulas are drawn,\n" +
			"with their derivatives. Given a number, as ablate export numbers names it, it shows the value and\n" +
			"what it depends on." + exitCodes("3 with --partial when trials are missing"),
		Example:           "  ablate show analysis.factorial.coupling --format markdown",
		Args:              argsBetween(0, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE:              does(s, &r, &r.What),
	}
	choiceFlag(c.Flags(), c, &r.Format, "format", "text", "of an analysis: %s", "text", "markdown", "csv", "json")
	partialFlag(c, &r.Partial)
	return c
}

// showRequest asks for the list of instances, one instance or one number.
type showRequest struct {
	What    string // "" means the list
	Format  string
	Partial bool
}

func (r showRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.plannedAnswers(ctx, r.Partial)
	if err != nil {
		return err
	}
	if r.What == "" {
		plan.tell(w, plan.failed()...)
		err := listInstances(w, plan.Plan)
		if err == nil && r.Partial {
			err = partialOutcome(plan.Tasks...)
		}
		return err
	}
	t, err := w.find(plan.Plan, anyInstance, r.What)
	if err != nil && isNumberName(r.What) {
		e, of, err := w.number(ctx, plan.Plan, r.What)
		if err != nil {
			plan.tell(w, plan.failed()...)
			return err
		}
		s.show(e)
		return partialOutcome(plan.Task(of))
	}
	if err != nil {
		return err
	}
	if err := plan.failure(t); err != nil {
		return err
	}
	needs := plan.Needs(t)
	if r.Partial {
		plan.tell(w, needs...)
	}
	if t.Absent > 0 && t.Status != planner.Hit {
		plan.tell(w, t)
		return partialOutcome(t)
	}
	e, err := r.event(ctx, w, t)
	if err != nil {
		return err
	}
	s.show(e)
	return partialOutcome(append(needs, t)...)
}

// listInstances shows the state of every instance, and which failed.
func listInstances(w *workspace, plan *planner.Plan) error {
	for _, t := range plan.Tasks {
		w.session.show(view.PlanStepOf(t))
	}
	return showFailures(w, plan)
}

// isNumberName reports whether a text looks like the name of a number, which has
// slashes.
func isNumberName(s string) bool { return strings.Contains(s, "/") && !strings.Contains(s, "[") }

func (r showRequest) event(ctx context.Context, w *workspace, t *planner.Task) (view.Event, error) {
	if t.Role == pipeline.Analysis {
		return w.analysis(ctx, t, r.Format)
	}
	return w.instance(ctx, t)
}

// instance describes an instance that is no analysis.
func (w *workspace) instance(ctx context.Context, t *planner.Task) (view.Instance, error) {
	inst := w.graph.Instance(t.Address)
	e := view.Instance{
		Address: t.Address.String(), Label: inst.Label, Action: t.Status, Reason: t.Reason.Text,
		Declared: inst.Range, File: inst.Range.Filename, Line: inst.Range.Start.Line, Spec: inst.Spec,
	}
	var err error
	if e.SpecText, err = view.SpecText(inst.Spec); err != nil {
		return e, err
	}
	if sketcher, ok := inst.Spec.(pipeline.Sketcher); ok {
		e.Sketches = sketcher.Sketches()
	}
	ingredients, notes, err := t.Describe()
	if err != nil {
		return e, err
	}
	e.Notes = notes
	if !t.Key.IsZero() {
		e.Key, e.Ingredients = &t.Key, &ingredients
	}
	if work, ok := t.Work(); ok {
		e.Work = &work
	}
	if t.Status == planner.Hit {
		return e, w.addEntry(ctx, t, &e)
	}
	past, err := w.history()
	if failed, ok := past.failure(t); ok {
		e.Failure = &failed
	}
	return e, err
}

// addEntry adds what the store holds of an instance.
func (w *workspace) addEntry(ctx context.Context, t *planner.Task, e *view.Instance) error {
	e.Artifacts = t.Entry().Artifacts
	p, err := readProvenance(ctx, w.store, t)
	if err != nil {
		return err
	}
	e.Provenance = &p
	if e.Repeats, err = repeatText(w.store, t.Key); err != nil {
		return err
	}
	rows, err := readMetrics(ctx, w.store, t)
	if err == nil && rows != nil {
		e.Metrics = record.Last(rows)
		if c := lossCurve(rows); len(c.Steps) > 1 {
			e.Curves = append(e.Curves, c)
		}
	}
	return err
}

// lossCurve is the first of the usual losses that a trial has.
func lossCurve(rows []record.Row) view.Curve {
	for _, name := range []string{"train_loss", "loss", "val_loss"} {
		c := view.Curve{Name: name}
		for _, r := range rows {
			if r.Name == name && r.Finite() {
				c.Steps, c.Values = append(c.Steps, r.Step), append(c.Values, r.Value)
			}
		}
		if len(c.Steps) > 0 {
			return c
		}
	}
	return view.Curve{}
}

// analysis is the result of an analysis in one of its renderings.
func (w *workspace) analysis(ctx context.Context, t *planner.Task, format string) (view.Analysis, error) {
	e := view.Analysis{Address: t.Address.String()}
	if err := t.Cached(); err != nil {
		return e, err
	}
	body, ok, err := readArtifact(ctx, w.store, t, artifactOf[format])
	switch {
	case err != nil:
		return e, err
	case !ok:
		return e, fmt.Errorf("%s has no %s form", t.Address, format)
	}
	e.Body = string(body)
	if format == "text" {
		e.Heading = t.Label
	}
	_, hasResult := t.Entry().Artifact(artifactOf["json"])
	switch {
	case !hasResult:
		e.Text = string(body)
	case w.session.json:
		e.Result, _, err = readArtifact(ctx, w.store, t, artifactOf["json"])
	case format == "text":
		tables, ok, err := readArtifact(ctx, w.store, t, artifactOf["markdown"])
		if !ok || err != nil {
			return e, err
		}
		e.Tables = string(tables)
		e.Findings, err = w.findings(ctx, t)
		return e, err
	}
	return e, err
}

// findings are what an analysis found; none for kinds without any.
func (w *workspace) findings(ctx context.Context, t *planner.Task) ([]answer.Finding, error) {
	document, ok, err := readArtifact(ctx, w.store, t, artifactOf["json"])
	if !ok || err != nil {
		return nil, err
	}
	return answer.InOrder(answer.FindingsOf(t.Kind().Type, document)), nil
}
