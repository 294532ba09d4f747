package figure_test

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ablate/stages/answer"
	"ablate/stages/answer/figure"
)

var places = regexp.MustCompile(`(?:[ML ]| x=")(-?[\d.]+)[ "]`)

// Names that are too long to stand beside the lines leave the plot its room, in a column as
// on a page.
func TestLongNames(t *testing.T) {
	long := "attention softsign, ffn softsign, final RMSNorm, qk RMSNorm"
	value := func(v float64) *float64 { return &v }
	cell := func(a, b string, v float64) answer.Cell {
		return answer.Cell{Levels: []string{a, b}, N: 1, Mean: value(v), Replicates: []string{"1"}, Values: []float64{v}}
	}
	cells := answer.Result{
		Factors: []answer.Factor{{Name: "norm", Levels: []string{"RMSNorm", long}}, {Name: "optimizer", Levels: []string{"AdamW", long}}},
		Cells:   []answer.Cell{cell("RMSNorm", "AdamW", 1), cell("RMSNorm", long, 2), cell(long, "AdamW", 3), cell(long, long, 5)},
	}
	line := answer.TrajectoryLine{Level: long, Points: []answer.TrajectoryPoint{{Step: 1, Gap: 1}, {Step: 2, Gap: 3}}}
	drawn := figure.Trajectory(answer.Trajectory{Baseline: "RMSNorm", Levels: []answer.TrajectoryLine{line}})
	interaction, ok := figure.Cells(cells)
	if !ok {
		t.Fatal("no figure of cells")
	}
	panels := []answer.MechanismCell{{Name: long + " + AdamW", Points: []answer.MechanismPoint{{Step: 1, Value: 2, N: 1}}}, {Name: long, Points: []answer.MechanismPoint{{Step: 1, Value: 3, N: 1}}}}
	drawn = append(append(drawn, interaction), figure.Mechanism(answer.Mechanism{Quantity: "alpha", Site: "ffn", Layers: 1, Cells: panels})...)
	for _, f := range drawn {
		for _, width := range []float64{figure.Column, figure.Page} {
			svg := string(f.SVG(width))
			for _, m := range places.FindAllStringSubmatch(strings.Join(regexp.MustCompile(`(?s)<path[^>]*>|<text[^>]*>`).FindAllString(svg, -1), "\n"), -1) {
				if x, err := strconv.ParseFloat(m[1], 64); err != nil || x < -1 {
					t.Fatalf("%s at %v is drawn at %s, beside the canvas: %s", f.Name, width, m[1], svg)
				}
			}
			if plain := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(strings.ReplaceAll(svg, "</text>", " "), ""); strings.Count(plain, "softsign") < 2 {
				t.Errorf("%s at %v does not name its lines: %s", f.Name, width, plain)
			}
		}
	}
}

// Where nothing can be estimated, there is nothing to draw.
func TestNoEstimates(t *testing.T) {
	if _, ok := figure.Forest(answer.Result{Contrasts: []answer.Contrast{{Kind: "gap", Name: "a − b", Missing: []string{"a"}}}}); ok {
		t.Error("a forest plot of no estimates")
	}
}

// A caption says the level of every interval, and the axis its scale.
func TestCaptionOfEquivalence(t *testing.T) {
	one := 1.
	f, _ := figure.Forest(answer.Result{Response: "y", Scale: "log", Confidence: 0.95, Margin: &answer.Margin{Margin: 0.5, Alpha: 0.05, Direction: "equivalent"},
		Contrasts: []answer.Contrast{{Kind: "gap", Name: "b − a", Estimate: &one}, {Kind: "equivalence", Name: "b − a", Estimate: &one}}})
	if !strings.Contains(f.Caption, "95 % intervals") || !strings.Contains(f.Caption, "equivalence are those of 90 %") {
		t.Errorf("the caption is %q", f.Caption)
	}
	if drawn := string(f.SVG(figure.Page)); !strings.Contains(drawn, "the logarithm of y") {
		t.Errorf("no scale in\n%s", drawn)
	}
}

// What the font lacks is a box in printed figures, not nothing.
func TestNamesBeyondTheFont(t *testing.T) {
	drawn := func(level string) figure.Figure {
		one := 1.
		f, _ := figure.Forest(answer.Result{Response: "y", Confidence: 0.95, Contrasts: []answer.Contrast{{Kind: "gap", Name: level, Estimate: &one}}})
		return f
	}
	for name, draw := range map[string]func(figure.Figure) ([]byte, error){
		"PNG": func(f figure.Figure) ([]byte, error) { return f.PNG(figure.Column) },
		"PDF": func(f figure.Figure) ([]byte, error) { return f.PDF(figure.Column) },
	} {
		got, err1 := draw(drawn("日本 − a"))
		want, err2 := draw(drawn("□□ − a"))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(got, want) || len(got) < 1000 {
			t.Errorf("%s: %v, %d bytes, and %d with boxes", name, err, len(got), len(want))
		}
	}
}

// The caption of curves says that their axis is logarithmic.
func TestCaptionOfCurves(t *testing.T) {
	for _, last := range []float64{1.5, 4.5} {
		f, ok := figure.Curves("loss", "seed", []figure.Panel{{Name: "a", Curves: []figure.Curve{{Steps: []int{1, 2, 3}, Values: []float64{5, 4.8, last}}}}})
		if !ok || strings.Contains(f.Caption, "logarithmic") != (last == 1.5) {
			t.Errorf("the caption of curves from 5 to %v is %q", last, f.Caption)
		}
	}
}

// A factor of one level does not keep two others from an interaction plot, and the caption says
// at which level. One factor of several levels has no interaction.
func TestFactorsOfOneLevel(t *testing.T) {
	one := 1.
	levels := func(name string, levels ...string) answer.Factor { return answer.Factor{Name: name, Levels: levels} }
	r := answer.Result{Response: "loss", Replicate: "seed", Factors: []answer.Factor{levels("norm", "p", "q"), levels("clip", "true"), levels("decay", "0", "1")}}
	for _, norm := range []string{"p", "q"} {
		for _, decay := range []string{"0", "1"} {
			r.Cells = append(r.Cells, answer.Cell{Levels: []string{norm, "true", decay}, N: 1, Mean: &one, Replicates: []string{"1"}, Values: []float64{one}})
		}
	}
	f, _ := figure.Cells(r)
	if drawn := string(f.SVG(figure.Page)); f.Name != "interaction" || !strings.HasPrefix(f.Caption, "Loss at clip = true: cell means") || !strings.Contains(drawn, "p, decay = 0, seed 1: 1") {
		t.Errorf("two factors of several levels are drawn as %s: %s\n%s", f.Name, f.Caption, drawn)
	}
	r.Factors[2], r.Cells = levels("decay", "0"), []answer.Cell{r.Cells[0], r.Cells[2]}
	if f, _ = figure.Cells(r); f.Name != "cells" {
		t.Errorf("one factor of several levels is drawn as %s", f.Name)
	}
}
