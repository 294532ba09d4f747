package view

import (
	"fmt"
	"strings"
)

// Power reports what a study with some replicates would find for one contrast.
type Power struct {
	Contrast   string `json:"contrast" doc:"the contrast's name, as in export contrasts; with --sd the factors"`
	Kind       string `json:"kind" doc:"gap, main, interaction or declared"`
	Replicates int    `json:"replicates" doc:"replicates of each cell"`
	PowerAt
	Effect        float64  `json:"effect" doc:"the effect that power is for"`
	PowerAdjusted float64  `json:"power_adjusted" doc:"probability that the adjusted interval excludes 0, which a sentence in the report needs"`
	Upper         *PowerAt `json:"upper" doc:"the same at the upper 90 % bound of the pilot's standard deviation; null with --sd"`
	Margin        *float64 `json:"margin" doc:"margin of equivalence; null without one"`
	Minutes       *float64 `json:"minutes" doc:"training time of all cells with that many replicates, one after the other; null without timings"`
	First         bool     `json:"-"` // of its contrast
	Noun          string   `json:"-"` // what the replicates are
}

// PowerAt is what depends on the standard deviation.
type PowerAt struct {
	SD               float64  `json:"sd" doc:"standard deviation of the contrast in one replicate"`
	HalfWidth        float64  `json:"half_width" doc:"half the width of the confidence interval"`
	Power            float64  `json:"power" doc:"probability that the interval excludes 0 if the effect is as large as given"`
	EquivalencePower *float64 `json:"equivalence_power" doc:"probability that equivalence is shown if there is no difference; null without a margin"`
}

func (Power) kind() string { return "power" }

func (e Power) text() string {
	var b strings.Builder
	if e.First {
		fmt.Fprintf(&b, "%s (%s), effect %.3g, s.d. %.3g", e.Contrast, e.Kind, e.Effect, e.SD)
		if e.Upper != nil {
			fmt.Fprintf(&b, ", at most %.3g", e.Upper.SD)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "  %3d %s  ± %.3g", e.Replicates, e.Noun, e.HalfWidth)
	bound(&b, e.Upper, "at most %.3g", func(u PowerAt) float64 { return u.HalfWidth })
	fmt.Fprintf(&b, "  power %.2f", e.Power)
	bound(&b, e.Upper, "at least %.2f", func(u PowerAt) float64 { return u.Power })
	fmt.Fprintf(&b, "  adjusted %.2f", e.PowerAdjusted)
	if e.EquivalencePower != nil {
		fmt.Fprintf(&b, "  equivalence %.2f", *e.EquivalencePower)
		bound(&b, e.Upper, "at least %.2f", func(u PowerAt) float64 { return *u.EquivalencePower })
	}
	if e.Minutes != nil {
		fmt.Fprintf(&b, "  %.3g min", *e.Minutes)
	}
	return b.String() + "\n"
}

func bound(b *strings.Builder, upper *PowerAt, format string, of func(PowerAt) float64) {
	if upper != nil {
		fmt.Fprintf(b, " ("+format+")", of(*upper))
	}
}
