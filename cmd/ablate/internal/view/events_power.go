package view

import (
	"fmt"
	"strconv"
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

// PowerTable says what several numbers of replicates would find for one contrast.
func PowerTable(list []Power, width int) string {
	if len(list) == 0 {
		return ""
	}
	e := list[0]
	head := fmt.Sprintf("%s (%s), effect %.3g, s.d. %.3g", e.Contrast, e.Kind, e.Effect, e.SD)
	if e.Upper != nil {
		head += fmt.Sprintf(", at most %.3g", e.Upper.SD)
	}
	columns := powerColumns(e)
	t := table{spare: []string{"time", "at most", "at least", "at least"}}
	for _, c := range columns {
		t.head, t.right = append(t.head, c.head), append(t.right, true)
	}
	for _, e := range list {
		var row []string
		for _, c := range columns {
			row = append(row, c.text(e))
		}
		t.rows = append(t.rows, row)
	}
	return fit("\n"+head+"\n\n", width) + t.text(width)
}

// powerColumn is a column of a table of powers.
type powerColumn struct {
	head string
	text func(Power) string
}

// powerColumns are the columns for events like this one.
func powerColumns(like Power) []powerColumn {
	out := []powerColumn{{like.Noun, func(e Power) string { return strconv.Itoa(e.Replicates) }}}
	pair := func(head, bound string, of func(PowerAt) string) {
		out = append(out, powerColumn{head, func(e Power) string { return of(e.PowerAt) }})
		if like.Upper != nil {
			out = append(out, powerColumn{bound, func(e Power) string { return of(*e.Upper) }})
		}
	}
	pair("±", "at most", func(p PowerAt) string { return fmt.Sprintf("%.3g", p.HalfWidth) })
	pair("power", "at least", func(p PowerAt) string { return fmt.Sprintf("%.2f", p.Power) })
	out = append(out, powerColumn{"adjusted", func(e Power) string { return fmt.Sprintf("%.2f", e.PowerAdjusted) }})
	if like.EquivalencePower != nil {
		pair("equivalent", "at least", func(p PowerAt) string { return fmt.Sprintf("%.2f", *p.EquivalencePower) })
	}
	if like.Minutes != nil {
		out = append(out, powerColumn{"time", func(e Power) string { return Seconds(*e.Minutes * 60) }})
	}
	return out
}
