package ui_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ablate/stages/answer"
	"ablate/stages/answer/figure"
	"ablate/stages/answer/report"
)

// A report is a page, too, and is tested in the same browser.
func TestReportInABrowser(t *testing.T) {
	raw, err := report.HTML(reportSource())
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	source := axe(t)
	b := newBrowser(t)
	for _, width := range []int64{390, 768, 1280} {
		for _, scheme := range []string{"dark", "light"} {
			b.size(width, scheme)
			b.do(chromedp.Navigate("file://" + name))
			b.wait(fmt.Sprintf("document.documentElement.scrollWidth <= %d", width))
			b.wait(fmt.Sprintf(`getComputedStyle(document.querySelector("#curves .for-wide")).display === %q`, map[bool]string{true: "none", false: "block"}[width == 390]))
			if width == 390 && scheme == "dark" || width == 1280 && scheme == "light" {
				b.accessible(source, fmt.Sprintf("%s, %d pixels", scheme, width))
			}
		}
	}
	b.js(`document.querySelector("#curves .for-wide .hit").dispatchEvent(new PointerEvent("pointermove", {clientX: document.querySelector("#curves .for-wide .hit").getBoundingClientRect().right - 1, clientY: 5}))`)
	b.wait(`document.querySelector("#curves .tip").textContent === "RMSNorm · rate = 0.1, step 4seed 1 3.2500seed 2 3.2500mean 3.2500"`)
	b.js(`document.querySelector(".effects thead button").focus()`)
	b.js(`[...document.querySelectorAll(".effects thead button")].find(x => x.textContent === "estimate").click()`)
	b.wait(`[...document.querySelectorAll(".effects tbody th")].map(x => x.textContent).join() === "b,a"`)
	b.js(`document.querySelector(".effects tbody a").click()`)
	b.wait(`document.querySelector("#provenance details").open`)
	b.clean("file:")
}

func reportSource() report.Source {
	curve := figure.Curve{Steps: []int{1, 2, 3, 4}, Values: []float64{5, 4, 3.5, 3.25}}
	trial := func(norm, rate, seed string) report.Trial {
		return report.Trial{Address: "train.lm.a", Key: strings.Repeat("a", 64), Levels: []string{norm, rate}, Replicate: seed, State: "done",
			Curves: map[string]figure.Curve{"val_loss": curve}, Seconds: 61, Host: "node", Command: "ablate run", Rows: "ablate export metrics"}
	}
	c := answer.ReportChapter{Label: "Effects", Address: "analysis.factorial.effects", Sentences: []string{"One finding."}}
	return report.Source{
		Document: answer.Report{Title: "A question?", Methods: "By hand.", Chapters: []answer.ReportChapter{c}}, Study: "lab", Replicate: "seed",
		Chapters: []report.Chapter{{ReportChapter: c, Kind: "factorial", Result: []byte(`{"response": "val_loss", "at": "final", "replicate": "seed", "confidence": 0.95,
 "factors": [{"name": "norm", "levels": ["RMSNorm", "Derf"], "baseline": "RMSNorm"}],
 "cells": [{"levels": ["RMSNorm"], "n": 2, "mean": 3, "sd": 0.1, "replicates": ["1", "2"], "values": [2.9, 3.1]}, {"levels": ["Derf"], "n": 2, "mean": 3.2, "sd": 0.1, "replicates": ["1", "2"], "values": [3.1, 3.3]}],
 "contrasts": [{"kind": "gap", "name": "a", "estimate": 0.2, "low": -0.1, "high": 0.5}, {"kind": "gap", "name": "b", "estimate": -10, "low": -11, "high": -9}]}`)}},
		Factors: []report.Factor{{Name: "norm", Levels: []report.Level{{Label: "RMSNorm"}, {Label: "Derf"}, {Label: "DyT"}, {Label: "none"}}},
			{Name: "rate", Levels: []report.Level{{Label: "0.1"}, {Label: "0.2"}, {Label: "0.3"}, {Label: "0.4"}}}},
		Trials: []report.Trial{trial("RMSNorm", "0.1", "1"), trial("RMSNorm", "0.1", "2"), trial("RMSNorm", "0.2", "1"), trial("RMSNorm", "0.3", "1"),
			trial("RMSNorm", "0.4", "1"), trial("Derf", "0.1", "1")}, // a grid that is wider than a phone
	}
}
