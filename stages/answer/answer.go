// Package answer reads what an analysis concluded: its result as a document, its
// numbers under names that a paper can use, and whether a paper still agrees.
package answer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Line is one number of an analysis for other programs. Absent numbers
// are null.
type Line struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Estimate *float64  `json:"estimate"`
	Low      *float64  `json:"low"`
	High     *float64  `json:"high"`
	F        *float64  `json:"f"`
	DF       []float64 `json:"df"`
	P        *float64  `json:"p"`

	PHolm      *float64 `json:"p_holm,omitempty"`
	N          int      `json:"n,omitempty"`
	Method     string   `json:"method,omitempty"`
	HalfWidth  *float64 `json:"half_width,omitempty"`
	Detectable *float64 `json:"detectable,omitempty"`
	BootLow    *float64 `json:"bootstrap_low,omitempty"`
	BootHigh   *float64 `json:"bootstrap_high,omitempty"`
	SS         *float64 `json:"ss,omitempty"`
	Eta2       *float64 `json:"eta2,omitempty"`
	PartialEta *float64 `json:"partial_eta2,omitempty"`
	Omega2     *float64 `json:"omega2,omitempty"`
	Missing    []string `json:"missing,omitempty"`
	Planned    bool     `json:"planned,omitempty"`
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
	var out []identifiedLine
	for _, a := range r.Anova {
		l := Line{Kind: "anova", Name: a.Name, F: a.F, DF: []float64{a.DF}, P: a.P, Method: r.AnovaBy,
			SS: &a.SS, Eta2: a.Eta2, PartialEta: a.PartialEta, Omega2: a.Omega2}
		if a.Name != "residual" {
			l.DF = append(l.DF, r.Anova[len(r.Anova)-1].DF)
		}
		out = append(out, identifiedLine{l, a.Name})
	}
	for _, c := range r.Contrasts {
		l := Line{Kind: c.Kind, Name: c.Name, Estimate: c.Estimate, Low: c.Low, High: c.High, DF: []float64{}, P: c.P,
			PHolm: c.PHolm, N: c.N, Method: c.Method, HalfWidth: c.Half, Detectable: c.Detect,
			BootLow: c.BootLow, BootHigh: c.BootHigh, Missing: c.Missing, Planned: c.Planned}
		if c.DF != nil {
			l.DF = append(l.DF, *c.DF)
		}
		if len(c.Terms) > 0 {
			l.Name = contrastName(l.Kind, c.Terms, c.At)
		}
		identity := fmt.Sprintf("%q %q %q", c.Name, c.Terms, c.At)
		out = append(out, identifiedLine{l, identity})
		if c.Simple {
			l.Kind = "simple"
			out = append(out, identifiedLine{l, identity})
		}
	}
	return out
}

// contrastName is a contrast's name for programs: "norm: derf - rmsnorm @
// optimizer=muon", "norm x optimizer: (derf - rmsnorm) x (muon - adamw)", "norm:
// ema of derf - rmsnorm".
func contrastName(kind string, terms []Term, at map[string]string) string {
	switch {
	case kind == "recovery" && len(terms) == 2:
		return fmt.Sprintf("%s: %s of %s - %s", terms[0].Factor, terms[0].Level, terms[1].Baseline, terms[1].Level)
	case len(terms) == 2:
		return fmt.Sprintf("%s x %s: (%s - %s) x (%s - %s)", terms[0].Factor, terms[1].Factor,
			terms[0].Level, terms[0].Baseline, terms[1].Level, terms[1].Baseline)
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
