package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// result is the answer of a factorial while it is computed.
type result = answer.Result

// analyse computes the answer from a table.
func (f *Factorial) analyse(table *design.Table, replicate string) result {
	d := design.New(table, replicate)
	for i := range d.Factors {
		if base, ok := f.Baseline[d.Factors[i].Name]; ok {
			if found := design.Match(d.Factors[i].Levels, base); len(found) == 1 {
				d.Factors[i].Baseline = found[0]
			}
		}
	}
	r := result{
		Version: 3, Response: f.Response, At: f.At.Text, Replicate: replicate, Confidence: f.Confidence,
		Trials: len(table.Trials),
	}
	for _, x := range d.Factors {
		r.Factors = append(r.Factors, answer.Factor{Name: x.Name, Levels: x.Labels, Baseline: x.Labels[x.Baseline]})
	}
	for _, c := range d.Cells {
		var levels []string
		for i, l := range c.Levels {
			levels = append(levels, d.Factors[i].Labels[l])
		}
		r.Cells = append(r.Cells, cellOf(d, c, levels...))
	}
	w := &warnings{}
	w.evaluations(&r, table)
	f.estimate(&r, d, w)
	w.say(table.Lacks != "", "The table has no column %s, which the study names as its replicate: its rows are unpaired.", table.Lacks)
	w.say(len(table.Unused) > 0, "No trial has %s: the analysis is of the other levels that it names.", join(table.Unused))
	r.Warnings = w.texts
	return r
}

// cellOf summarizes a cell.
func cellOf(d *design.Design, c *design.Cell, levels ...string) answer.Cell {
	out := answer.Cell{Levels: levels, N: len(c.Values), Values: slices.Clone(c.Values), Diverged: c.Diverged}
	if out.Values == nil {
		out.Values = []float64{}
	}
	for _, r := range c.Replicates {
		out.Replicates = append(out.Replicates, d.Replicates[r])
	}
	if c.Complete() {
		n, mean, sd := estimate.Summary(c)
		out.Mean = &mean
		if n > 1 {
			out.SD = &sd
		}
	}
	return out
}

// estimate computes the contrasts and the analysis of variance.
func (f *Factorial) estimate(r *result, d *design.Design, w *warnings) {
	var p []float64
	list := d.Contrasts()
	for _, c := range f.Contrasts {
		list = append(list, d.Declared(c.Name, c.sides()))
	}
	single, unpaired, flat := false, false, false
	for _, c := range list {
		out := answer.Contrast{Kind: c.Kind, Name: c.Name, Terms: c.Terms, At: c.At, Simple: c.Simple}
		if len(c.Missing) > 0 {
			slices.Sort(c.Missing)
			out.Method, out.Missing = "not estimable", slices.Compact(c.Missing)
			r.Contrasts = append(r.Contrasts, out)
			p = append(p, math.NaN())
			continue
		}
		e := estimate.Contrast(c, d.Cells, f.Confidence)
		single = single || e.Method == estimate.None
		unpaired = unpaired || e.Method == estimate.WelchT
		flat = flat || e.Method != estimate.None && e.Low == e.High
		fill(&out, e)
		if f.Bootstrap != nil {
			b := estimate.Bootstrap{Resamples: f.Bootstrap.Resamples, Whole: f.Bootstrap.Resample == "replicates"}
			if low, high, ok := b.Interval(c, d.Cells, f.Confidence); ok {
				out.BootLow, out.BootHigh = answer.Finite(low), answer.Finite(high)
			}
		}
		r.Contrasts = append(r.Contrasts, out)
		p = append(p, e.P)
	}
	own := len(p) - len(f.Contrasts) // the declared contrasts are a family of their own
	for i, v := range append(estimate.Holm(p[:own]), estimate.Holm(p[own:])...) {
		r.Contrasts[i].PHolm = answer.Finite(v)
	}
	var why string
	r.Anova, r.AnovaBy, why = estimate.Anova(d)
	w.say(why != "", "No analysis of variance: %s.", why)
	if f.Bootstrap != nil {
		r.Bootstrap = f.Bootstrap.Resample
		w.bootstrap(d, f.Bootstrap)
	}
	w.contrasts(r, d, single, unpaired, flat)
}

// fill copies an estimate into a contrast.
func fill(c *answer.Contrast, e estimate.Estimate) {
	finite := answer.Finite
	c.Estimate, c.Low, c.High, c.T, c.P = finite(e.Value), finite(e.Low), finite(e.High), finite(e.T), finite(e.P)
	c.N, c.Method = e.N, e.Method
	c.Half, c.Detect = finite(e.Half), finite(e.Detect)
	if e.Method != estimate.None {
		c.DF = finite(e.DF)
	}
}

// warnings collects what limits an answer.
type warnings struct{ texts []string }

func (w *warnings) say(condition bool, text string, args ...any) {
	if condition {
		w.texts = append(w.texts, fmt.Sprintf(text, args...))
	}
}

// evaluations records on how many tokens trials were evaluated, and warns if the
// numbers differ.
func (w *warnings) evaluations(r *result, t *design.Table) {
	if t.Fewest == t.Tokens {
		r.Tokens = t.Tokens
		return
	}
	w.say(true, "Some trials were evaluated on %d tokens and some on %d, so part of a difference may be the text's. "+
		"Where batches differ in size, choose evaluate.batches so that all trials see as many sequences.", t.Fewest, t.Tokens)
}

// cautious is the number of replicates below which a bootstrap is too narrow.
const cautious = 6

func (w *warnings) bootstrap(d *design.Design, b *Bootstrap) {
	least := len(d.Cells[0].Values)
	for _, c := range d.Cells {
		least = min(least, len(c.Values))
	}
	if least >= cautious {
		return
	}
	text := fmt.Sprintf("The bootstrap's intervals are too narrow with %d replicates a cell: trust those of t.", least)
	if b.Resample == "replicates" && least < 4 {
		text += " Drawing whole replicates again gives hardly more than the smallest and the largest of them."
	}
	w.texts = append(w.texts, text)
}

func (w *warnings) contrasts(r *result, d *design.Design, single, unpaired, flat bool) {
	w.say(single, "Some cells have one trial: their contrasts have no interval, since nothing tells the effect from the noise of a %s. Add replicates.", d.Replicate)
	w.say(unpaired && d.Paired, "Some cells do not have the same replicates: their contrasts are unpaired (Welch), which widens the intervals.")
	w.say(flat, "Some contrasts are the same in every replicate to the last bit: either the levels compute the same, or the replicate changes nothing.")
	w.say(len(d.Doubled) > 0, "Two trials of one replicate in %s: only the first counts.", strings.Join(d.Doubled, ", "))
	for _, c := range r.Contrasts {
		w.say(c.Missing != nil, "Not estimable: %s, for want of %s.", c.Name, join(c.Missing))
	}
}
