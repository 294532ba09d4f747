package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ablate/stages/answer"
	"ablate/stages/answer/figure"
	"ablate/stages/answer/report"
)

const result = `{"version": 1, "partial": "from 3 of 4 trials; the others have no result yet", "response": "val_loss", "at": "final", "replicate": "seed", "confidence": 0.95,
 "trials": 4, "factors": [{"name": "norm", "levels": ["RMS<Norm>", "Derf 🙂"], "baseline": "RMS<Norm>"}, {"name": "optimizer", "levels": ["AdamW", "Muon"], "baseline": "AdamW"}],
 "cells": [
  {"levels": ["RMS<Norm>", "AdamW"], "n": 2, "mean": 3, "sd": 0.1, "replicates": ["1", "2"], "values": [2.9, 3.1]},
  {"levels": ["Derf 🙂", "AdamW"], "n": 2, "mean": 3.2, "sd": 0.1, "replicates": ["1", "2"], "values": [3.1, 3.3]},
  {"levels": ["RMS<Norm>", "Muon"], "n": 2, "mean": 2.8, "sd": 0.1, "replicates": ["1", "2"], "values": [2.7, 2.9]},
  {"levels": ["Derf 🙂", "Muon"], "n": 0, "mean": null, "sd": null, "replicates": [], "values": [], "diverged": 2}],
 "contrasts": [
  {"kind": "gap", "name": "Derf 🙂 − RMS<Norm> at AdamW", "estimate": 0.2, "low": -0.1, "high": 0.5, "low_adjusted": -0.3, "high_adjusted": 0.7, "p": 0.1, "method": "paired t", "pairs": 2, "detectable": 0.4, "detectable_adjusted": 0.6, "p_sign_flip": 0.5, "p_sign_flip_smallest": 0.5},
  {"kind": "gap", "name": "Derf 🙂 − RMS<Norm> at Muon", "missing": ["Derf 🙂 + Muon"]}],
 "equivalence": {"margin": 0.1, "alpha": 0.05, "direction": "equivalent", "better": "lower"}, "warnings": ["one <warning>"]}`

func source() report.Source {
	curve := figure.Curve{Steps: []int{1, 2, 3, 4}, Values: []float64{5, 4, 3.5, 3.25}}
	trial := func(norm, optimizer, seed, state string) report.Trial {
		return report.Trial{Address: "train.lm.a", Key: strings.Repeat("a", 64), Levels: []string{norm, optimizer}, Replicate: seed, State: state,
			Curves: map[string]figure.Curve{"val_loss": curve}, Seconds: 61, Host: "node<1>", Program: "sha256:" + strings.Repeat("c", 64), Threads: 2,
			Finished: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Command: "ablate run --target 'x'", Rows: "ablate export metrics 'x'"}
	}
	chapter := answer.ReportChapter{Label: "Effects & <others>", Address: "analysis.factorial.effects", Result: "sha256:" + strings.Repeat("b", 64), Sentences: []string{"First finding.", "Second finding."}}
	return report.Source{
		Document: answer.Report{Title: "Is <b> bold?", Methods: "By hand.", Chapters: []answer.ReportChapter{chapter}},
		Study:    "lab", Question: "Why?", Replicate: "seed", Program: "v1", Command: "ablate report --var 'a=b c'",
		Chapters: []report.Chapter{{ReportChapter: chapter, Kind: "factorial", Key: strings.Repeat("a", 64), Result: []byte(result), Command: "ablate run", Rows: "ablate export trials"}},
		Factors: []report.Factor{{Name: "norm", Levels: []report.Level{
			{Label: "RMS<Norm>", Settings: []report.Setting{{Name: "eps", Value: "1e-6"}, {Name: "same", Value: "1"}}},
			{Label: "Derf 🙂", Settings: []report.Setting{{Name: "alpha", Value: "0.5"}, {Name: "same", Value: "1"}}}}},
			{Name: "optimizer", Levels: []report.Level{{Label: "AdamW"}}}},
		Trials:  []report.Trial{trial("RMS<Norm>", "AdamW", "1", "done"), trial("RMS<Norm>", "AdamW", "2", "done"), trial("Derf 🙂", "Muon", "1", "diverged")},
		Fixed:   []report.Part{{Role: "model", Address: "model.llama.tiny", Settings: []report.Setting{{Name: "layers", Value: "3"}}}},
		Origins: []report.Origin{{Address: "train.lm.a", Key: strings.Repeat("a", 64), Result: "sha256:" + strings.Repeat("b", 64), Host: "node<1>", Finished: "2026-01-02 03:04:05 UTC", Seconds: 1.25, Repeats: "repeated once", Recompute: "ablate run --target 'x'"}},
	}
}

func TestHTML(t *testing.T) {
	raw, err := report.HTML(source())
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, want := range []string{
		"<h1>Is &lt;b&gt; bold?</h1>", `<p class="lead">First finding.</p>`, "<li>Second finding.</li>", "answered from 3 of 4 trials",
		"<dd>3 trials</dd>", "2 cells, 2 seeds", "<dd>3 min 3 s</dd>", "of them diverged", "node&lt;1&gt;", "not in the design",
		"cannot be estimated: no usable trials in Derf 🙂 &#43; Muon", "one &lt;warning&gt;", `title="estimate 0.2, low -0.1`,
		"ablate report --var &#39;a=b c&#39;", "<code>aaaaaaaaaaaa</code>", "repeated once", "2026-01-02 03:04:05",
		"p (sign flip)", "0.5000 (at least 0.5000)",
		// A narrow page leaves out what is not adjusted for the number of comparisons.
		`<th scope="col" class="number wide">95 % interval</th><th scope="col" class="number">adjusted interval</th><th scope="col" class="number wide">p</th><th scope="col" class="number">p (Holm)</th>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, unwanted := range []string{"RMS<Norm>", "<th scope=\"row\">same</th>", "src=", "http://", "https://"} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
	if again, _ := report.HTML(source()); string(again) != page {
		t.Error("the same source makes different pages")
	}
}

// The grid of a design with many factors is as wide as a page, and says to which factor a number
// or a bool belongs. Factors whose levels are values are lines.
func TestDesignOfManyFactors(t *testing.T) {
	s := source()
	s.Factors, s.Trials = nil, nil
	for _, f := range [][]string{{"flash", "true", "false"}, {"norm", "RMSNorm", "Derf", "DyT"}, {"lr", "0.1", "0.2"}, {"width", "64", "128", "256"}} {
		factor := report.Factor{Name: f[0]}
		for _, l := range f[1:] {
			factor.Levels = append(factor.Levels, report.Level{Label: l})
		}
		s.Factors = append(s.Factors, factor)
	}
	for _, width := range []string{"256", "64", "128"} {
		for _, flash := range []string{"false", "true"} {
			for _, lr := range []string{"0.1", "0.2"} {
				s.Trials = append(s.Trials, report.Trial{Levels: []string{flash, "DyT", lr, width}, Replicate: "1", State: "done"},
					report.Trial{Levels: []string{flash, "DyT", lr, width}, Replicate: "2", State: "missing"})
			}
		}
	}
	raw, err := report.HTML(s)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	_, grid, _ := strings.Cut(page, `<table class="grid"`)
	grid, _, _ = strings.Cut(grid, "</table>")
	heads := regexp.MustCompile(`<th scope="(?:col|row)">([^<]*)</th>`).FindAllStringSubmatch(grid, -1)
	var got []string
	for _, h := range heads {
		got = append(got, h[1])
	}
	want := []string{"flash, norm", "lr = 0.1 · width = 256", "lr = 0.2 · width = 256", "lr = 0.1 · width = 64", "lr = 0.2 · width = 64",
		"lr = 0.1 · width = 128", "lr = 0.2 · width = 128", "flash = true · DyT", "flash = false · DyT"}
	if !slices.Equal(got, want) {
		t.Errorf("the grid has the heads %q, want %q", got, want)
	}
	for _, want := range []string{"12 cells × 2 seeds", "<dt>lr</dt><dd>0.1, 0.2</dd>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}

var drawings = regexp.MustCompile(`(?s)<svg.*?</svg>`)

func TestDrawingsAreWellFormed(t *testing.T) {
	raw, err := report.HTML(source())
	if err != nil {
		t.Fatal(err)
	}
	found := drawings.FindAllString(string(raw), -1)
	if len(found) < 6 {
		t.Errorf("the page has %d drawings", len(found))
	}
	for _, svg := range found {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
	}
}

func TestFiguresAsFiles(t *testing.T) {
	figures, err := report.Figures(source())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range figures {
		names = append(names, f.Name)
		pdf, err := f.PDF(figure.Column)
		if err != nil || !strings.HasPrefix(string(pdf), "%PDF-") {
			t.Errorf("%s: no PDF: %v", f.Name, err)
		}
		png, err := f.PNG(figure.Column)
		if err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
			t.Errorf("%s: no PNG: %v", f.Name, err)
		}
		if data, err := f.CSV(); err != nil || strings.Count(string(data), "\n") < 3 {
			t.Errorf("%s: CSV = %s, %v", f.Name, data, err)
		}
		if svg := string(f.SVG(figure.Column)); strings.Contains(svg, `class="hit"`) || strings.Contains(svg, "var(") {
			t.Errorf("%s: the file needs a page around it", f.Name)
		}
	}
	if got, want := strings.Join(names, " "), "effects-interaction effects-effects curves-val_loss"; got != want {
		t.Errorf("figures = %s, want %s", got, want)
	}
}

func TestWithoutTrialsAndResults(t *testing.T) {
	page, err := report.HTML(report.Source{Document: answer.Report{Title: "Empty"}})
	if err != nil || !strings.Contains(string(page), "<h1>Empty</h1>") || strings.Contains(string(page), "What was trained") {
		t.Errorf("HTML = %s, %v", page, err)
	}
}

func TestMarkdownAppendsATable(t *testing.T) {
	got := report.Markdown([]byte("# R\n"), source().Origins)
	want := "| `train.lm.a` | " + strings.Repeat("a", 64) + " | sha256:" + strings.Repeat("b", 64) + " | 2026-01-02 03:04:05 UTC on node<1> | 1.2 | repeated once |\n"
	if !strings.HasPrefix(string(got), "# R\n\n## Provenance\n") || !strings.HasSuffix(string(got), want) {
		t.Errorf("Markdown = %s", got)
	}
}

// What the data show comes first, each sentence once, and a long list is folded.
func TestFindingsAreOrdered(t *testing.T) {
	s := source()
	s.Chapters[0].Result = []byte(`{"response": "loss", "factors": [{"name": "norm"}], "contrasts": [
 {"kind": "gap", "name": "open", "estimate": 0.1, "low": -1, "high": 1, "low_adjusted": -2, "high_adjusted": 2, "terms": [{"factor": "norm", "level": "open", "baseline": "base"}]},
 {"kind": "gap", "name": "shown", "estimate": 5, "low": 4, "high": 6, "low_adjusted": 3, "high_adjusted": 7, "terms": [{"factor": "norm", "level": "shown", "baseline": "base"}]}]}`)
	for range 9 {
		c := s.Chapters[0]
		c.Kind, c.Sentences = "command", []string{"Said by a program " + strings.Repeat("again ", len(s.Chapters)) + "."}
		s.Chapters = append(s.Chapters, c, s.Chapters[0])
	}
	raw, err := report.HTML(s)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	if !strings.Contains(page, `<p class="lead">When norm goes from base to shown, loss changes by &#43;5.0 `) || strings.Count(page, "When norm goes from base to shown") != 1 {
		t.Errorf("the first finding is another, or is there twice: %s", page[strings.Index(page, "finding"):][:2000])
	}
	if !strings.Contains(page, "<summary>5 more</summary>") || strings.Index(page, "differs between base and open") < strings.Index(page, "<summary>5 more") {
		t.Error("what is not shown does not come last")
	}
}
