package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/record"
)

// artifactOf names the artifact that holds each rendering of an analysis.
var artifactOf = map[string]string{"text": "table", "markdown": "markdown", "csv": "csv", "json": "result"}

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
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.What = args[0]
			}
			return r.do(c.Context(), s)
		},
	}
	c.Flags().StringVar(&r.Format, "format", "text", "of an analysis: text, markdown, csv or json")
	completeFlag(c, "format", choices("text", "markdown", "csv", "json"))
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
	if err := oneOf("format", r.Format, "text", "markdown", "csv", "json"); err != nil {
		return err
	}
	w, plan, err := s.plannedAnswers(ctx, r.Partial)
	if err != nil {
		return err
	}
	if r.What == "" {
		plan.tell(w, plan.failed()...)
		return listInstances(w, plan.Plan)
	}
	t, err := w.find(plan.Plan, anyInstance, r.What)
	if err != nil && isNumberName(r.What) {
		e, err := w.number(ctx, plan.Plan, r.What)
		if err != nil {
			plan.tell(w, plan.failed()...)
			return err
		}
		s.show(e)
		return nil
	}
	if err != nil {
		return err
	}
	if err := plan.failure(t); err != nil {
		return err
	}
	if r.Partial {
		plan.tell(w, plan.Needs(t)...)
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
	return partialOutcome(t)
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
	a, ok := t.Entry().Artifact(artifactOf[format])
	if !ok {
		return e, fmt.Errorf("%s has no %s form", t.Address, format)
	}
	raw, err := cache.ReadAll(ctx, w.store, a.Digest)
	if err != nil {
		return e, err
	}
	e.Body = string(raw)
	if format == "text" {
		e.Heading = t.Label
	}
	result, ok := t.Entry().Artifact(artifactOf["json"])
	if !ok {
		e.Text = string(raw)
		return e, nil
	}
	if tables, ok := t.Entry().Artifact(artifactOf["markdown"]); ok && format == "text" && !w.session.json {
		body, err := cache.ReadAll(ctx, w.store, tables.Digest)
		if err != nil {
			return e, err
		}
		e.Tables = string(body)
		if e.Findings, err = w.findings(ctx, t, result.Digest); err != nil {
			return e, err
		}
	}
	if w.session.json {
		e.Result, err = cache.ReadAll(ctx, w.store, result.Digest)
	}
	return e, err
}

// findings says in sentences what an analysis found; nothing for kinds without any.
func (w *workspace) findings(ctx context.Context, t *planner.Task, document cache.Digest) ([]answer.Finding, error) {
	raw, err := cache.ReadAll(ctx, w.store, document)
	if err != nil {
		return nil, err
	}
	return answer.InOrder(answer.FindingsOf(t.Kind().Type, raw)), nil
}

// readMetrics reads the rows that a trial logged; nil where it logs none.
func readMetrics(ctx context.Context, store cache.Store, t *planner.Task) ([]record.Row, error) {
	a, ok := t.Entry().Artifact(record.Metrics)
	if !ok {
		return nil, nil
	}
	r, err := store.Open(ctx, a.Digest)
	if err == nil {
		defer r.Close()
		var rows []record.Row
		if rows, err = record.ReadAll(r); err == nil {
			return rows, nil
		}
	}
	return nil, fmt.Errorf("reading the metrics of %s: %w", t.Address, err)
}

// readProvenance reads where, when and by whom a cached result was computed.
func readProvenance(ctx context.Context, store cache.Store, t *planner.Task) (p action.Provenance, err error) {
	if p, err = action.ProvenanceOf(ctx, store, t.Entry()); err != nil {
		return p, fmt.Errorf("reading the provenance of %s: %w", t.Address, err)
	}
	return p, nil
}
