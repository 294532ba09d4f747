package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/ui"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/record"
)

func uiCommand(s *session) *cobra.Command {
	var r uiRequest
	c := &cobra.Command{
		Use:   "ui",
		Short: "Serve a page that shows the studies of the store while they run",
		Long: "ui prints the address of a page with the grid of trials, their curves, the plan and the answers\n" +
			"of the analyses. It follows runs that any process starts with the same store, before or after.\n" +
			"The page is read-only, and only a browser that opened the printed address can read it. ablate ui\n" +
			"itself may add answers from the trials so far to the store.\n\n" +
			"The plan is that of the study in the current folder. It is made without the remote." + exitCodes(""),
		Example: "  ablate ui --chdir examples/coupling --var corpus=text.txt",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().StringVar(&r.Listen, "listen", "127.0.0.1:0", "the `address` to listen on, host:port; port 0 is any free one")
	return c
}

// uiRequest asks to serve the page.
type uiRequest struct{ Listen string }

func (r uiRequest) do(ctx context.Context, s *session) error {
	store, err := s.openStore()
	if err != nil {
		return err
	}
	server, err := ui.New(ui.Options{Store: store, Listen: r.Listen, Plan: s.planForPage})
	if err != nil {
		return err
	}
	s.show(view.Page{URL: server.URL()})
	if !server.Loopback() {
		s.view().Note("Other machines can reach this address. The connection is not encrypted: prefer an SSH tunnel.")
	}
	return server.Serve(ctx)
}

// planForPage plans the study as it is now, with what is in the local store.
func (s *session) planForPage(ctx context.Context) (ui.Planned, error) {
	var told strings.Builder
	quiet := quietly(s, &told)
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return ui.Planned{}, fmt.Errorf("finding the study's folder: %w", err)
	}
	p := ui.Planned{Dir: dir}
	if !hasStudy(dir) {
		return p, nil
	}
	p.Name = filepath.Base(dir) // in case the study does not load
	w, plan, err := quiet.planned(ctx)
	if list, ok := diag.From(err); ok {
		told.Reset() // warnings
		quiet.view().Diagnostics(list)
		return p, errors.New(strings.TrimSpace(told.String()))
	}
	if err != nil {
		return p, err
	}
	p.Name, p.Description, p.Graph = w.graph.Study.Name, w.graph.Study.Description, view.SVG(stagesOf(w.graph))
	for _, t := range plan.Tasks {
		i, err := pageInstance(w, t)
		if err != nil {
			return p, err
		}
		if i.Findings, err = pageFindings(ctx, w, t); err != nil {
			return p, err
		}
		p.Instances = append(p.Instances, i)
	}
	p.Replicate, p.Response = questionOf(plan)
	if err := addPartialAnswers(ctx, w, &p, plan); err != nil {
		return p, err
	}
	for _, t := range plan.Tasks {
		if err := addImported(ctx, w, &p, t); err != nil {
			return p, err
		}
	}
	return p, nil
}

// addPartialAnswers adds the answers of analyses that wait for some of their trials.
// It runs no program: only analyses of this program accept missing trials.
func addPartialAnswers(ctx context.Context, w *workspace, p *ui.Planned, plan *planner.Plan) error {
	waits := func(t *planner.Task) bool { return t.Role == pipeline.Analysis && t.Status == planner.Pending }
	if !slices.ContainsFunc(plan.Tasks, waits) {
		return nil
	}
	partial, err := answerFrom(ctx, w, func(t *planner.Task) bool { return t.Absent > 0 }, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if partial == nil {
		return err
	}
	// An analysis fails on too few trials, and all do in a store that cannot be written.
	// The page does without those.
	for i, t := range plan.Tasks {
		if !waits(t) {
			continue
		}
		p.Instances[i].Answers = artifactOf["text"]
		if now := partial.Task(t.Address); now != nil && now.Absent > 0 && now.Status == planner.Hit {
			p.Instances[i].PartialKey, p.Instances[i].Absent = now.Key, now.Absent
			if p.Instances[i].Findings, err = pageFindings(ctx, w, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// addImported adds the runs that a cached stage imported with their curves.
func addImported(ctx context.Context, w *workspace, p *ui.Planned, t *planner.Task) error {
	if t.Status != planner.Hit {
		return nil
	}
	trials, _ := t.Entry().Artifact(record.Trials)
	curves, ok := t.Entry().Artifact(record.Curves)
	if !ok {
		return nil
	}
	list, notes, err := ui.Imported(ctx, w.store, t.Address, trials.Digest, curves.Digest)
	if cache.IsLost(err) {
		return nil // the runs are imported again when an analysis needs them
	}
	if err != nil {
		return fmt.Errorf("reading the runs of %s: %w", t.Address, err)
	}
	p.Instances, p.Notes = append(p.Instances, list...), append(p.Notes, notes...)
	return nil
}

// pageFindings says what an analysis found, if it is cached.
func pageFindings(ctx context.Context, w *workspace, t *planner.Task) ([]string, error) {
	if t.Role != pipeline.Analysis || t.Status != planner.Hit {
		return nil, nil
	}
	found, err := w.findings(ctx, t)
	if cache.IsLost(err) {
		return nil, nil
	}
	return answer.Sentences(found), err
}

// hasStudy reports whether a folder holds files of a study.
func hasStudy(dir string) bool {
	files, err := hcl.Files(dir)
	return err == nil && len(files) > 0
}

func pageInstance(w *workspace, t *planner.Task) (ui.Instance, error) {
	i := ui.Instance{
		Address: t.Address.String(), Block: t.Block, Label: t.Label, Trial: t.Role == pipeline.Trial, Key: t.Key,
		Status: t.Status, Done: t.Survey.Done, Reason: t.Reason.Text, Changes: t.Reason.Changes,
	}
	if slices.ContainsFunc(t.Outputs(), func(o pipeline.Output) bool { return o.Name == artifactOf["text"] }) {
		i.Answers = artifactOf["text"]
	}
	for _, f := range w.graph.Instance(t.Address).Factors {
		i.Factors = append(i.Factors, ui.Factor{Name: f.Name, Level: f.Level.String(), Label: f.Label})
	}
	var err error
	i.Spec, err = view.SpecText(t.Spec())
	return i, err
}

// questionOf is the factor that the analyses of a plan take for the replicate, and the
// metric that the first of them is about; "" for what none says.
func questionOf(plan *planner.Plan) (replicate, response string) {
	for _, t := range plan.Tasks {
		if t.Role != pipeline.Analysis {
			continue
		}
		raw, err := json.Marshal(t.Spec())
		if err != nil {
			continue // a spec with an infinite number
		}
		var of struct {
			Replicate string
			Response  *string
			Responses []string
		}
		if json.Unmarshal(raw, &of) != nil {
			continue // another kind, whose fields of these names are something else
		}
		replicate = cmp.Or(replicate, of.Replicate)
		switch {
		case response != "":
		case len(of.Responses) > 0:
			response = of.Responses[0]
		case of.Response != nil:
			response = cmp.Or(*of.Response, defaultResponse)
		}
	}
	return replicate, response
}

// defaultResponse is the metric of an analysis that names none.
const defaultResponse = "val_loss"
