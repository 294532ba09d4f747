package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// forms are the renderings of an analysis, and the artifacts that hold them.
var forms = map[string]string{"text": "table", "markdown": "markdown", "csv": "csv", "json": "result"}

func (g *globals) showCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "show [ADDRESS|NUMBER]",
		Short: "Show an instance: an analysis's table, a trial's spec and numbers",
		Long: "show lists the study's instances with their state. With an address it shows one: the\n" +
			"table of an analysis, or spec, key, artifacts and last metrics of any other. A number of an\n" +
			"analysis, as ablate export numbers names it, is shown with where it comes from." + codes("3 with --partial when trials are missing"),
		Example: "  ablate show analysis.factorial.coupling --format markdown",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if forms[format] == "" {
				return fmt.Errorf("--format: %q is none of %s", format, strings.Join(slices.Sorted(maps.Keys(forms)), ", "))
			}
			w, plan, err := g.answered(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return g.list(plan)
			}
			if strings.Contains(args[0], "/") && !strings.Contains(args[0], "[") {
				return g.showNumber(c.Context(), w, plan, args[0])
			}
			s, err := g.step(plan, args[0])
			if err != nil {
				return err
			}
			return cmp.Or(g.show(c.Context(), w, s, format), partial(s))
		},
	}
	c.Flags().StringVar(&format, "format", "text", "of an analysis: text, markdown, csv or json")
	g.partialFlag(c)
	return c
}

func (g *globals) list(plan *planner.Plan) error {
	g.view().PlanObjects(plan)
	for _, s := range plan.Tasks {
		g.view().Text(fmt.Sprintf("%-8s %s\n", s.Status, s.Address))
	}
	return nil
}

func (g *globals) show(ctx context.Context, w *workspace, s *planner.Task, format string) error {
	if s.Role == pipeline.Analysis {
		return g.showAnalysis(ctx, w, s, format)
	}
	inst := w.graph.Instance(s.Address)
	spec, err := view.SpecText(inst.Spec)
	if err != nil {
		return err
	}
	ingredients, notes, err := s.Describe()
	if err != nil {
		return err
	}
	o := map[string]any{
		"type": "instance", "address": s.Address.String(), "label": inst.Label, "action": s.Status,
		"file": inst.Range.Filename, "line": inst.Range.Start.Line, "spec": inst.Spec, "notes": notes,
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  (%s)\n  declared at %s\n  %s: %s\n", s.Address, inst.Label, inst.Range, s.Status, s.Reason.Text)
	if !s.Key.IsZero() {
		o["key"], o["ingredients"] = s.Key, ingredients
		fmt.Fprintf(&b, "  key %s\n", s.Key)
	}
	if spec != "" {
		fmt.Fprintf(&b, "\nSpec\n\n  %s\n", strings.ReplaceAll(strings.TrimSuffix(spec, "\n"), "\n", "\n  "))
	}
	if w, ok := s.Work(); ok {
		o["work"] = w
		fmt.Fprintf(&b, "\nSize\n\n  %s parameters, %s FLOP a token (forward and backward), %s tokens: %s FLOP\n",
			view.Quantity(float64(w.Parameters)), view.Quantity(w.FLOPsPerToken), view.Quantity(float64(w.Tokens)), view.Quantity(w.FLOPs()))
		m := w.Memory
		fmt.Fprintf(&b, "  memory: about %sB; %sB parameters, %sB optimizer, %sB gradients, and by estimate %sB logits and %sB activations, then %sB in the update\n",
			view.Quantity(float64(m.Total())), view.Quantity(float64(m.Parameters)), view.Quantity(float64(m.State)),
			view.Quantity(float64(m.Gradients)), view.Quantity(float64(m.Logits)), view.Quantity(float64(m.Activations)), view.Quantity(float64(m.Update)))
	}
	if code := ingredients.At("code"); !code.IsZero() && len(code.Keys()) > 0 {
		b.WriteString("\nFingerprints\n\n")
		for _, name := range code.Keys() {
			text, _ := code.At(name).Text()
			fmt.Fprintf(&b, "  %-10s %s\n", name, text)
		}
	}
	if s.Status == planner.Hit {
		if err := g.showEntry(ctx, w, s, &b, o); err != nil {
			return err
		}
	}
	g.view().Object(o)
	g.view().Text(b.String())
	return nil
}

// showEntry adds what an entry holds and who made it.
func (g *globals) showEntry(ctx context.Context, w *workspace, s *planner.Task, b *strings.Builder, o map[string]any) error {
	o["artifacts"] = s.Entry.Artifacts
	b.WriteString("\nArtifacts\n\n")
	for _, a := range s.Entry.Artifacts {
		fmt.Fprintf(b, "  %-12s %12d bytes  %s\n", a.Name, a.Size, a.Digest)
	}
	p, err := provenance(ctx, w.store, s)
	if err != nil {
		return err
	}
	o["provenance"] = p
	fmt.Fprintf(b, "\nComputed in %.1f s on %s, %s", p.Seconds, p.Host.Name, p.Finished.Format("2006-01-02 15:04:05 MST"))
	if p.Class != "" {
		fmt.Fprintf(b, "\nNumerics class: %s", p.Class)
	}
	b.WriteString("\n")
	repeats, err := repeatText(w.store, s.Key)
	if err != nil {
		return err
	}
	if repeats != "" {
		o["repeats"] = repeats
		fmt.Fprintf(b, "Noise floor: %s\n", repeats)
	}
	return g.showMetrics(ctx, w, s, b, o)
}

// showMetrics adds the last value of each of a trial's metrics.
func (g *globals) showMetrics(ctx context.Context, w *workspace, s *planner.Task, b *strings.Builder, o map[string]any) error {
	rows, err := readMetrics(ctx, w.store, s)
	if err != nil || rows == nil {
		return err
	}
	last := record.Last(rows)
	o["metrics"] = last
	b.WriteString("\nLast metrics\n\n")
	for _, name := range slices.Sorted(maps.Keys(last)) {
		fmt.Fprintf(b, "  %-12s %g\n", name, last[name])
	}
	return nil
}

// showAnalysis prints an analysis in one of its forms.
func (g *globals) showAnalysis(ctx context.Context, w *workspace, s *planner.Task, format string) error {
	if err := s.Cached(); err != nil {
		return err
	}
	a, ok := s.Entry.Artifact(forms[format])
	if !ok {
		return fmt.Errorf("%s has no %s form", s.Address, format)
	}
	raw, err := cache.ReadAll(ctx, w.store, a.Digest)
	if err != nil {
		return err
	}
	if g.json {
		o := struct {
			Type    string          `json:"type"`
			Address string          `json:"address"`
			Result  json.RawMessage `json:"result,omitempty"`
			Text    string          `json:"text,omitempty"` // of a report, which has no numbers of its own
		}{Type: "analysis", Address: s.Address.String()}
		if result, ok := s.Entry.Artifact(forms["json"]); !ok {
			o.Text = string(raw)
		} else if o.Result, err = cache.ReadAll(ctx, w.store, result.Digest); err != nil {
			return err
		}
		g.view().Object(o)
		return nil
	}
	if format == "text" {
		g.view().Text(fmt.Sprintf("\n%s\n\n", s.Label))
	}
	g.view().Text(string(raw))
	return nil
}
