package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
)

// numbers lists the numbers of the plan's cached analyses, by name.
func numbers(ctx context.Context, w *workspace, plan *planner.Plan) ([]answer.Number, error) {
	var out []answer.Number
	for _, s := range plan.Tasks {
		if _, has := s.Entry.Artifact(forms["json"]); s.Role != pipeline.Analysis || s.Status != planner.Hit || !has {
			continue
		}
		r, err := readResult(ctx, w.store, s)
		if err != nil {
			return nil, err
		}
		out = append(out, r.Numbers(s.Address, s.Key)...)
	}
	return out, nil
}

func (g *globals) exportNumbersCommand() *cobra.Command {
	var format, to string
	c := &cobra.Command{
		Use:   "numbers",
		Short: "Write every number of the analyses under a name that a paper can use",
		Long: "numbers writes a file of names. In LaTeX, \\input it and write \\ablate{NAME}, or \\ablate[3]{NAME}\n" +
			"with another number of decimals; a number typed by hand stands in \\ablatenum{NAME}{0.659}. In\n" +
			"Markdown, a number is [0.659](#ablate:NAME). ablate report --check then compares a paper with\n" +
			"the study. ablate show NAME says where a number comes from." + codes(""),
		Example: "  ablate export numbers --format latex --to numbers.tex",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			write := map[string]func([]answer.Number) string{"latex": answer.LaTeX, "markdown": answer.Markdown}[format]
			if write == nil {
				return fmt.Errorf("--format: %q is none of latex, markdown", format)
			}
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			list, err := numbers(c.Context(), w, plan)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return fmt.Errorf("no analysis has numbers yet; run the study first")
			}
			text := write(list)
			if to == "" {
				g.view().Text(text)
				return nil
			}
			if err := os.WriteFile(to, []byte(text), 0o644); err != nil { //nolint:gosec // a paper's file
				return err
			}
			g.view().Object(map[string]any{"type": "exported", "file": to, "rows": len(list)})
			g.view().Note("%s: %s.", to, count(len(list), "number"))
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "latex", "latex or markdown")
	c.Flags().StringVar(&to, "to", "", "the `file` to write; standard output without it")
	return c
}

// check compares the numbers that a paper prints with the study's.
func (g *globals) check(ctx context.Context, files []string) error {
	w, plan, err := g.planned(ctx)
	if err != nil {
		return err
	}
	list, err := numbers(ctx, w, plan)
	if err != nil {
		return err
	}
	byName := make(map[string]answer.Number, len(list))
	for _, n := range list {
		byName[n.Name] = n
	}
	checked, wrong := 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range answer.Mentions(file, raw) {
			checked++
			n, known := byName[m.Name]
			now, ok := "", m.Text == ""
			if known && m.Text != "" {
				now, ok = answer.Agrees(m.Text, n.Value)
			}
			if known && ok {
				continue
			}
			wrong++
			line := 1 + bytes.Count(raw[:m.Offset], []byte("\n"))
			g.view().Object(map[string]any{"type": "mismatch", "file": file, "line": line, "name": m.Name, "printed": m.Text, "now": now, "known": known})
			if known {
				g.view().Text(fmt.Sprintf("%s:%d: %s is printed as %s and is %s now\n", file, line, m.Name, m.Text, now))
			} else {
				g.view().Text(fmt.Sprintf("%s:%d: the study has no number %s\n", file, line, m.Name))
			}
		}
	}
	switch {
	case wrong > 0:
		return fmt.Errorf("%d of %d numbers no longer match the study", wrong, checked)
	case checked == 0:
		return fmt.Errorf("no number is named in %s; ablate export numbers says how", strings.Join(files, ", "))
	}
	g.view().Object(map[string]any{"type": "checked", "numbers": checked})
	g.view().Text(fmt.Sprintf("All %d numbers match the study.\n", checked))
	return nil
}

// showNumber says where a number comes from.
func (g *globals) showNumber(ctx context.Context, w *workspace, plan *planner.Plan, name string) error {
	list, err := numbers(ctx, w, plan)
	if err != nil {
		return err
	}
	for _, n := range list {
		if n.Name != name {
			continue
		}
		o := map[string]any{"type": "number", "name": n.Name, "value": n.Value, "what": n.What, "address": n.Address.String(), "key": n.Key, "result": n.Result}
		var b strings.Builder
		fmt.Fprintf(&b, "%s = %s\n  %s\n\n  from    %s\n  key     %s\n  result  %s\n  again   ablate run --target %s\n",
			n.Name, strconv.FormatFloat(n.Value, 'g', -1, 64), n.What, n.Address, n.Key, n.Result, shellQuote(n.Address.String()))
		b.WriteString("\nIt rests on\n\n")
		var rests []map[string]any
		for _, d := range plan.Needs(plan.Task(n.Address)) {
			rests = append(rests, map[string]any{"address": d.Address.String(), "key": d.Key})
			fmt.Fprintf(&b, "  %s  %s\n", d.Key.String()[:12], d.Address)
		}
		o["rests_on"] = rests
		g.view().Object(o)
		g.view().Text(b.String())
		return nil
	}
	return fmt.Errorf("no analysis with a result has a number %s; ablate export numbers lists them", name)
}
