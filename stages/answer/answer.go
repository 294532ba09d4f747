// Package answer reads what an analysis concluded: its result as a document, its
// numbers under names that a paper can use, and whether a paper still agrees.
package answer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Line is one answer of an analysis for other programs. Missing numbers are
// null.
type Line struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Estimate *float64  `json:"estimate"`
	Low      *float64  `json:"low"`
	High     *float64  `json:"high"`
	T        *float64  `json:"t,omitempty"`
	F        *float64  `json:"f"`
	DF       []float64 `json:"df"`
	P        *float64  `json:"p"`

	Response     string   `json:"response,omitempty"` // where an analysis has several
	PHolm        *float64 `json:"p_holm,omitempty"`
	PAdjusted    *float64 `json:"p_adjusted,omitempty"`
	LowAdjusted  *float64 `json:"low_adjusted,omitempty"`
	HighAdjusted *float64 `json:"high_adjusted,omitempty"`
	Adjusted     string   `json:"adjusted,omitempty"` // how p_adjusted and its interval are adjusted
	Family       string   `json:"family,omitempty"`
	FamilySize   int      `json:"family_size,omitempty"`
	Error        string   `json:"error,omitempty"` // the model of the errors
	Stratum      string   `json:"stratum,omitempty"`
	Type         string   `json:"ss_type,omitempty"` // of sums of squares: I, II or III

	N          map[string]int      `json:"n,omitempty"` // by cell
	Pairs      int                 `json:"pairs,omitempty"`
	Method     string              `json:"method,omitempty"`
	PFlip      *float64            `json:"p_sign_flip,omitempty"`
	PFlipLeast *float64            `json:"p_sign_flip_smallest,omitempty"`
	Ratio      *float64            `json:"ratio,omitempty"` // where logarithms are compared
	RatioLow   *float64            `json:"ratio_low,omitempty"`
	RatioHigh  *float64            `json:"ratio_high,omitempty"`
	HalfWidth  *float64            `json:"half_width,omitempty"`
	Detectable *float64            `json:"detectable,omitempty"`
	DetectLow  *float64            `json:"detectable_low,omitempty"`
	DetectHigh *float64            `json:"detectable_high,omitempty"`
	BootLow    *float64            `json:"bootstrap_low,omitempty"`
	BootHigh   *float64            `json:"bootstrap_high,omitempty"`
	OwnLow     *float64            `json:"low_contrast,omitempty"`
	OwnHigh    *float64            `json:"high_contrast,omitempty"`
	WithoutLow *float64            `json:"without_low,omitempty"` // the smallest estimate without one replicate
	WithoutTop *float64            `json:"without_high,omitempty"`
	Moved      string              `json:"without,omitempty"` // the replicate that moves the estimate most
	Margin     *float64            `json:"margin,omitempty"`
	Verdict    string              `json:"verdict,omitempty"`
	SS         *float64            `json:"ss,omitempty"`
	Eta2       *float64            `json:"eta2,omitempty"`
	PartialEta *float64            `json:"partial_eta2,omitempty"`
	Omega2     *float64            `json:"omega2,omitempty"`
	Over       map[string][]string `json:"over,omitempty"`
	Missing    []string            `json:"missing,omitempty"`
	Constant   bool                `json:"constant,omitempty"`
	Wide       bool                `json:"widened,omitempty"`
	Planned    bool                `json:"planned,omitempty"`
}

// Lines turns a result into lines for programs.
func (r Result) Lines() []Line {
	var out []Line
	for _, l := range r.lines() {
		out = append(out, l.Line)
	}
	return out
}

// identifiedLine is a line with what tells it apart from others of the same name.
type identifiedLine struct {
	Line
	identity string
}

func (r Result) lines() []identifiedLine {
	if r.Others == nil {
		return r.ownLines()
	}
	var out []identifiedLine
	for _, x := range r.All() {
		for _, l := range x.ownLines() {
			l.Response, l.identity = x.Response, x.Response+" "+l.identity
			out = append(out, l)
		}
	}
	return out
}

// ownLines are those of one response.
func (r Result) ownLines() []identifiedLine {
	var out []identifiedLine
	for _, a := range r.Anova {
		out = append(out, identifiedLine{r.anovaLine(a), a.Name})
	}
	sizes := make(map[string]int)
	for _, f := range r.Families {
		sizes[f.Name] = f.Size
	}
	for _, c := range r.Contrasts {
		l := contrastLine(c)
		l.Error, l.FamilySize = r.Error, sizes[c.Family]
		if r.Scale == "log" {
			l.Ratio, l.RatioLow, l.RatioHigh = Exponential(c.Estimate), Exponential(c.Low), Exponential(c.High)
		}
		identity := fmt.Sprintf("%q %q %q", c.Name, c.Terms, c.At)
		tuned := r.Tuned != nil && slices.Contains([]string{"gap", "main", "interaction"}, c.Kind)
		if tuned {
			l.Kind = "tuned"
		}
		out = append(out, identifiedLine{l, identity})
		if c.Simple && !tuned {
			l.Kind = "simple"
			out = append(out, identifiedLine{l, identity})
		}
	}
	return out
}

func (r Result) anovaLine(a Anova) Line {
	l := Line{Kind: "anova", Name: a.Name, F: a.F, DF: []float64{a.DF}, P: a.P, Method: r.AnovaBy, Error: r.Error,
		Stratum: a.Error, Type: r.Squares, SS: &a.SS, Eta2: a.Eta2, PartialEta: a.PartialEta, Omega2: a.Omega2}
	if a.ErrorDF != nil {
		l.DF = append(l.DF, *a.ErrorDF)
	}
	return l
}

func contrastLine(c Contrast) Line {
	l := Line{Kind: c.Kind, Name: c.Name, Estimate: c.Estimate, Low: c.Low, High: c.High, T: c.T, DF: []float64{}, P: c.P,
		PHolm: c.PHolm, PAdjusted: c.PAdjusted, LowAdjusted: c.LowAdjusted, HighAdjusted: c.HighAdjusted, Family: c.Family,
		N: c.N, Pairs: c.Pairs, Method: c.Method, HalfWidth: c.Half, Detectable: c.Detect, DetectLow: c.DetectLow, DetectHigh: c.DetectHigh,
		BootLow: c.BootLow, BootHigh: c.BootHigh, OwnLow: c.OwnLow, OwnHigh: c.OwnHigh, Margin: c.Margin, Verdict: c.Verdict,
		Missing: c.Missing, Over: c.Over, PFlip: c.PFlip, PFlipLeast: c.PFlipLeast, Constant: c.Constant, Wide: c.Wide, Planned: c.Planned}
	if c.DF != nil {
		l.DF = append(l.DF, *c.DF)
	}
	if x := c.LeftOut; x != nil {
		l.WithoutLow, l.WithoutTop, l.Moved = &x.Low, &x.High, x.Replicate
	}
	if c.PAdjusted != nil {
		l.Adjusted = "bonferroni"
	}
	l.Name = c.ProgramName()
	return l
}

// Difference is a term for people, as a factor of a product.
func (t Term) Difference() string {
	if NameLevel(t.Factor, t.Level) != t.Level || NameLevel(t.Factor, t.Baseline) != t.Baseline {
		return fmt.Sprintf("(%s = %s − %s)", t.Factor, t.Level, t.Baseline)
	}
	return fmt.Sprintf("(%s − %s)", t.Level, t.Baseline)
}

// Gap is a term for people that stands alone.
func (t Term) Gap() string {
	shown := func(level string) string {
		if name := NameLevel(t.Factor, level); name != level {
			return "(" + name + ")"
		}
		return level
	}
	return shown(t.Level) + " − " + shown(t.Baseline)
}

// ProgramName is a contrast's name for programs; that of the study for a declared
// contrast.
func (c Contrast) ProgramName() string {
	if len(c.Terms) == 0 {
		return c.Name
	}
	return contrastName(c.Kind, c.Terms, c.At)
}

// contrastName is a contrast's name for programs: "norm: derf - rmsnorm @
// optimizer=muon", "norm x optimizer: (derf - rmsnorm) x (muon - adamw)", "norm:
// ema of derf - rmsnorm".
func contrastName(kind string, terms []Term, at map[string]string) string {
	switch {
	case kind == "recovery" && len(terms) == 2:
		return fmt.Sprintf("%s: %s of %s - %s", terms[0].Factor, terms[0].Level, terms[1].Baseline, terms[1].Level)
	case len(terms) > 1:
		var factors, gaps []string
		for _, t := range terms {
			factors = append(factors, t.Factor)
			gaps = append(gaps, "("+t.Level+" - "+t.Baseline+")")
		}
		return strings.Join(factors, " x ") + ": " + strings.Join(gaps, " x ")
	}
	name := fmt.Sprintf("%s: %s - %s", terms[0].Factor, terms[0].Level, terms[0].Baseline)
	var where []string
	for _, f := range slices.Sorted(maps.Keys(at)) {
		where = append(where, f+"="+at[f])
	}
	if len(where) > 0 {
		name += " @ " + strings.Join(where, ", ")
	}
	return name
}
