package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/nearest"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
)

func exportNumbersCommand(s *session) *cobra.Command {
	var r exportNumbersRequest
	c := &cobra.Command{
		Use:   "numbers",
		Short: "Name every number of the analyses, for use in a paper",
		Long: "numbers writes a file of named numbers. In LaTeX, \\input it and write \\ablate{NAME}, or\n" +
			"\\ablate[3]{NAME} for another number of decimals; put a number that you type yourself into\n" +
			"\\ablatenum{NAME}{0.659}. In Markdown, write [0.659](#ablate:NAME). ablate report --check then\n" +
			"compares a paper with the study, and ablate show NAME shows where a number comes from. With --json\n" +
			"the numbers are events." + exitCodes(""),
		Example: "  ablate export numbers --format latex --to numbers.tex",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	choiceFlag(c.Flags(), c, &r.Format, "format", "latex", "%s", "latex", "markdown")
	c.Flags().StringVar(&r.To, "to", "", "the `file` to write; default standard output")
	return c
}

// exportNumbersRequest asks for a file of named numbers.
type exportNumbersRequest struct{ Format, To string }

func (r exportNumbersRequest) do(ctx context.Context, s *session) error {
	list, err := s.plannedNumbers(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("no analysis has numbers yet: run the study first")
	}
	if s.json && r.To == "" {
		for _, n := range list {
			s.show(numberEvent(n))
		}
		return nil
	}
	text := answer.LaTeX(list)
	if r.Format == "markdown" {
		text = answer.Markdown(list)
	}
	if r.To == "" {
		s.view().Document(text)
		return nil
	}
	if err := os.WriteFile(r.To, []byte(text), 0o644); err != nil { // part of a paper
		return err
	}
	s.show(view.Exported{File: r.To, Rows: new(len(list)), Noun: "number"})
	return nil
}

// plannedNumbers plans the study and lists the numbers of its cached analyses.
func (s *session) plannedNumbers(ctx context.Context) ([]answer.Number, error) {
	w, plan, err := s.planned(ctx)
	if err != nil {
		return nil, err
	}
	return w.numbers(ctx, plan)
}

// numbers lists the numbers of the plan's cached analyses.
func (w *workspace) numbers(ctx context.Context, plan *planner.Plan) ([]answer.Number, error) {
	var out []answer.Number
	for _, t := range plan.Tasks {
		if _, has := t.Entry().Artifact(artifactOf["json"]); t.Role != pipeline.Analysis || t.Status != planner.Hit || !has {
			continue
		}
		r, err := readResult(ctx, w.store, t)
		if err != nil {
			return nil, err
		}
		out = append(out, r.Numbers(t.Address, t.Key)...)
	}
	return answer.Name(out)
}

// number describes one number of an analysis and what it depends on.
func (w *workspace) number(ctx context.Context, plan *planner.Plan, name string) (e view.Number, of addr.Instance, err error) {
	list, err := w.numbers(ctx, plan)
	if err != nil {
		return e, of, err
	}
	names := make([]string, len(list))
	for i, n := range list {
		if names[i] = n.Name; n.Name != name {
			continue
		}
		e := numberEvent(n)
		e.Recompute = w.session.command("run", "--target", n.Address.String())
		for _, d := range plan.Needs(plan.Task(n.Address)) {
			e.RestsOn = append(e.RestsOn, keyOf(d))
		}
		return e, n.Address, nil
	}
	return e, of, fmt.Errorf("no analysis with a result has a number %s%s", name, suggestNumber(name, names))
}

// suggestNumber names the number that a user may have meant.
func suggestNumber(name string, known []string) string {
	const most = 4 // differences of a misspelt name
	best, _ := nearest.Name(name, known, min(most, len(name)/2)+1)
	for _, k := range known {
		if best == "" && (strings.HasPrefix(k, name) || strings.HasSuffix(k, "/"+name)) { // a part of a name
			best = k
		}
	}
	if best == "" {
		return "; ablate export numbers lists them"
	}
	return fmt.Sprintf(". Did you mean %q? ablate export numbers lists all", best)
}

// numberEvent describes a number without what it depends on.
func numberEvent(n answer.Number) view.Number {
	return view.Number{Name: n.Name, Value: n.Value, What: n.What, Address: n.Address.String(), Key: n.Key, Result: n.Result, RestsOn: []view.KeyOf{}}
}
