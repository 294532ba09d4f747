package answer

import (
	"fmt"
	"math"
	"strings"

	"ablate/stages/answer/numeral"
)

// Sensitivity is how much an answer depends on single trials and on equal variances.
// Nothing in an analysis is chosen or tested by it.
type Sensitivity struct {
	Residuals []Residual `json:"residuals,omitempty"` // the largest, in descending order
	Least     *Spread    `json:"least_sd,omitempty"`  // the cell with the smallest standard deviation
	Most      *Spread    `json:"most_sd,omitempty"`
}

// Residual is the distance of a trial from what the model of cells, and of replicates
// where they are paired, expects.
type Residual struct {
	Cell      string  `json:"cell"`
	Replicate string  `json:"replicate"`
	Value     float64 `json:"value"`    // of the residual
	Ratio     float64 `json:"ratio"`    // in standard deviations of all residuals
	Response  float64 `json:"response"` // of the trial
}

// Spread is the standard deviation of a cell.
type Spread struct {
	Cell string  `json:"cell"`
	SD   float64 `json:"sd"`
}

// LeftOut is how an estimate changes when one replicate is left out.
type LeftOut struct {
	Low       float64 `json:"low"` // the smallest estimate without one replicate
	High      float64 `json:"high"`
	Replicate string  `json:"replicate"` // the one that moves the estimate most
	Estimate  float64 `json:"estimate"`  // without it
}

// Lines says what is not in a table, in sentences.
func (s Sensitivity) Lines(replicate string) []string {
	var out []string
	if len(s.Residuals) > 0 {
		var parts []string
		for _, r := range s.Residuals {
			size := math.Abs(r.Value)
			parts = append(parts, fmt.Sprintf("%s, %s %s: %s (%.1f s.d.)", r.Cell, replicate, r.Replicate, numeral.Signed(&r.Value, &size), r.Ratio))
		}
		out = append(out, "Largest residuals: "+strings.Join(parts, "; ")+".")
	}
	if s.Least != nil && s.Most != nil {
		out = append(out, fmt.Sprintf("Standard deviations of cells range from %s (%s) to %s (%s).",
			numeral.Significant(s.Least.SD, 3), s.Least.Cell, numeral.Significant(s.Most.SD, 3), s.Most.Cell))
	}
	return out
}
