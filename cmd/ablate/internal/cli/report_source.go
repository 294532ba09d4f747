package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/spec"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
	"ablate/stages/answer/figure"
	"ablate/stages/answer/report"
	"ablate/stages/record"
)

// reportReader reads what a report is written from.
type reportReader struct{ *workspace }

// source collects what a report is written from: the documents of its analyses, the
// trials with their rows and provenance, and the settings of the study.
func (w reportReader) source(ctx context.Context, plan *planner.Plan, t *planner.Task) (s report.Source, err error) {
	s = report.Source{Study: w.graph.Study.Name, Question: w.graph.Study.Description, Program: programVersion(w.executable), Command: w.session.command("report", t.Address.String())}
	if err := w.readDocument(ctx, t, "page", &s.Document); err != nil {
		return s, err
	}
	for _, c := range s.Document.Chapters {
		shown, err := w.chapter(ctx, plan, c)
		if err != nil {
			return s, err
		}
		s.Chapters = append(s.Chapters, shown)
	}
	if s.Origins, err = w.origins(ctx, plan, t); err != nil {
		return s, err
	}
	return s, w.addTrials(ctx, plan.Needs(t), &s)
}

func (w reportReader) readDocument(ctx context.Context, t *planner.Task, name string, into any) error {
	raw, _, err := readArtifact(ctx, w.store, t, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading the %s of %s: %w", name, t.Address, err)
	}
	return nil
}

func (w reportReader) chapter(ctx context.Context, plan *planner.Plan, of answer.ReportChapter) (c report.Chapter, err error) {
	t, err := w.find(plan, analyses, of.Address)
	if err != nil {
		return c, err
	}
	c = report.Chapter{ReportChapter: of, Kind: t.Kind().Type, Key: t.Key.String(),
		Command: w.session.command("run", "--target", of.Address), Rows: w.session.command("export", "trials", "--to", "trials.csv")}
	if c.Result, _, err = readArtifact(ctx, w.store, t, artifactOf["json"]); err != nil {
		return c, err
	}
	fragment, _, err := readArtifact(ctx, w.store, t, "html")
	c.Fragment = string(fragment)
	return c, err
}

// addTrials adds the trials that a report depends on, with what they have in common.
func (w reportReader) addTrials(ctx context.Context, needs []*planner.Task, s *report.Source) error {
	var trials []*planner.Task
	for _, t := range needs {
		if t.Role == pipeline.Trial {
			trials = append(trials, t)
		}
	}
	s.Replicate = replicateOfDocuments(s.Chapters)
	if err := w.addFactors(trials, s); err != nil {
		return err
	}
	wanted := report.Wanted(s.Chapters)
	for _, t := range trials {
		shown, err := w.reportTrial(ctx, t, s, wanted)
		if err != nil {
			return err
		}
		s.Trials = append(s.Trials, shown)
	}
	return w.addFixed(trials, s)
}

// replicateOfDocuments is the replicate that the analyses name; "seed" if none does.
func replicateOfDocuments(chapters []report.Chapter) string {
	for _, c := range chapters {
		var doc struct{ Replicate string }
		if json.Unmarshal(c.Result, &doc) == nil && doc.Replicate != "" {
			return doc.Replicate
		}
	}
	return "seed"
}

// addFactors lists the factors of the trials, and what their levels set.
func (w reportReader) addFactors(trials []*planner.Task, s *report.Source) error {
	for _, t := range trials {
		for _, f := range w.graph.Instance(t.Address).Factors {
			if f.Name == s.Replicate {
				continue
			}
			at := slices.IndexFunc(s.Factors, func(x report.Factor) bool { return x.Name == f.Name })
			if at < 0 {
				at = len(s.Factors)
				s.Factors = append(s.Factors, report.Factor{Name: f.Name})
			}
			label := levelLabel(f)
			if slices.ContainsFunc(s.Factors[at].Levels, func(l report.Level) bool { return l.Label == label }) {
				continue
			}
			settings, err := w.settingsOfLevel(f.Level)
			if err != nil {
				return err
			}
			s.Factors[at].Levels = append(s.Factors[at].Levels, report.Level{Label: label, Settings: settings})
		}
	}
	return nil
}

func levelLabel(f *addr.Factor) string {
	if f.Label != "" {
		return f.Label
	}
	return f.Level.Plain()
}

// settingsOfLevel lists what a level sets. A level with an instance for each site has these
// by site, then the settings of each.
func (w reportReader) settingsOfLevel(l addr.Level) ([]report.Setting, error) {
	parts, ok := l.Parts()
	if !ok {
		return w.settingsOf(l.Ref)
	}
	var out, further []report.Setting
	var seen []addr.Instance
	for _, site := range parts.Names() {
		part := parts.Each[site]
		if part == (addr.Instance{}) {
			continue
		}
		label := w.graph.Instance(part).Label
		out = append(out, report.Setting{Name: site, Value: label})
		if slices.Contains(seen, part) {
			continue
		}
		seen = append(seen, part)
		settings, err := w.settingsOf(part)
		if err != nil {
			return nil, err
		}
		for _, s := range settings {
			s.Name = label + ": " + s.Name
			further = append(further, s)
		}
	}
	return append(out, further...), nil
}

// settingsOf lists the settings of an instance; none for the zero address.
func (w reportReader) settingsOf(a addr.Instance) ([]report.Setting, error) {
	if a == (addr.Instance{}) {
		return nil, nil
	}
	s := w.graph.Instance(a).Spec
	list, err := view.Settings(s)
	typeset := make(map[string]template.HTML)
	for _, f := range spec.Formulas(s) {
		typeset[f.Path] = report.MathML(f.Formula)
	}
	var out []report.Setting
	for _, x := range list {
		out = append(out, report.Setting{Name: x.Name, Value: x.Value, Math: typeset[x.Name]})
	}
	return out, err
}

// addFixed lists the settings of what all trials share: the stages that they refer to
// and the fields of their own that no factor sets.
func (w reportReader) addFixed(trials []*planner.Task, s *report.Source) error {
	if len(trials) == 0 {
		return nil
	}
	first := w.graph.Instance(trials[0].Address)
	shared := func(e study.Edge) bool {
		return !slices.ContainsFunc(trials, func(t *planner.Task) bool {
			return !slices.Contains(w.graph.Instance(t.Address).Refs(), e)
		})
	}
	for _, e := range first.Refs() {
		if !shared(e) {
			continue
		}
		settings, err := w.settingsOf(e.Target)
		if err != nil {
			return err
		}
		s.Fixed = append(s.Fixed, report.Part{Role: e.Path, Address: e.Target.String(), Settings: settings})
	}
	own, err := w.commonSettings(trials)
	if err != nil {
		return err
	}
	s.Fixed = append(s.Fixed, report.Part{Role: first.Address.Stage.Block, Address: first.Address.Stage.String(), Settings: own})
	return nil
}

// commonSettings are the fields that all trials set to the same value.
func (w reportReader) commonSettings(trials []*planner.Task) ([]report.Setting, error) {
	var common []report.Setting
	for i, t := range trials {
		own, err := w.settingsOf(t.Address)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			common = own
			continue
		}
		common = slices.DeleteFunc(common, func(x report.Setting) bool { return !slices.Contains(own, x) })
	}
	return common, nil
}

// reportTrial is one trial with its curves and its cost.
func (w reportReader) reportTrial(ctx context.Context, t *planner.Task, s *report.Source, wanted []string) (report.Trial, error) {
	address := t.Address.String()
	out := report.Trial{Address: address, State: "missing", Command: w.session.command("run", "--target", address), Rows: w.session.command("export", "metrics", address)}
	if !t.Key.IsZero() {
		out.Key = t.Key.String()
	}
	factors := w.graph.Instance(t.Address).Factors
	for _, f := range s.Factors {
		label := ""
		if own := addr.FactorNamed(factors, f.Name); own != nil {
			label = levelLabel(own)
		}
		out.Levels = append(out.Levels, label)
	}
	if own := addr.FactorNamed(factors, s.Replicate); own != nil {
		out.Replicate = levelLabel(own)
	}
	if _, _, err := t.Describe(); err != nil { // without it, the size of a cached trial is not known
		return out, err
	}
	if work, ok := t.Work(); ok {
		out.Parameters, out.Tokens, out.FLOPs = work.Parameters, work.Tokens, work.FLOPs()
	}
	if t.Status != planner.Hit {
		return out, nil
	}
	p, err := readProvenance(ctx, w.store, t)
	if err != nil {
		return out, err
	}
	out.Seconds, out.Finished, out.Threads, out.Program = p.Seconds, p.Finished, p.Threads, p.Host.Executable.String()
	out.Host = strings.Join(slices.DeleteFunc([]string{p.Host.Name, p.Host.OS + "/" + p.Host.Arch, p.Class}, func(x string) bool { return x == "" }), ", ")
	rows, err := readMetrics(ctx, w.store, t)
	if err != nil {
		return out, err
	}
	out.State = "done"
	if record.OutcomeOf(rows) == record.OutcomeDiverged {
		out.State = "diverged"
	}
	out.Curves = curvesOf(rows, wanted)
	return out, nil
}

// curvesOf collects the finite values of some metrics.
func curvesOf(rows []record.Row, wanted []string) map[string]figure.Curve {
	out := make(map[string]figure.Curve)
	for _, r := range rows {
		if slices.Contains(wanted, r.Name) && r.Finite() {
			c := out[r.Name]
			c.Steps, c.Values = append(c.Steps, r.Step), append(c.Values, r.Value)
			out[r.Name] = c
		}
	}
	return out
}

// origins lists the cached results that a report depends on.
func (w reportReader) origins(ctx context.Context, plan *planner.Plan, t *planner.Task) ([]report.Origin, error) {
	var out []report.Origin
	for _, d := range plan.Needs(t) {
		if d.Status != planner.Hit {
			continue
		}
		p, err := readProvenance(ctx, w.store, d)
		if err != nil {
			return nil, err
		}
		o := report.Origin{
			Address: d.Address.String(), Key: d.Key.String(), Host: p.Host.Name, Seconds: p.Seconds,
			Finished: p.Finished.UTC().Format("2006-01-02 15:04:05 UTC"), Recompute: w.session.command("run", "--target", d.Address.String()),
		}
		for _, name := range []string{artifactOf["json"], record.Metrics} {
			if a, ok := d.Entry().Artifact(name); ok {
				o.Result = a.Digest.String()
			}
		}
		if o.Repeats, err = repeatText(w.store, d.Key); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
