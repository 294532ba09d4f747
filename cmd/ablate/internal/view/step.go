package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// stepText says how far a trial is: bar, step, loss, speed, time left. What is less
// important goes first where there is no room.
func stepText(width, step, steps int, metrics map[string]float64, left string) string {
	const count = 3 // rank of the steps, which stand close to their bar
	fields := []struct {
		text string
		rank int // the highest is left out first
	}{
		{bar(step, steps, barWidth(width)), 2}, {fmt.Sprintf("%d/%d", step, steps), count},
		{valueText(metrics), 0}, {metricText(metrics, "val_loss", "val"), 4}, {speedText(metrics), 5}, {left, 1},
	}
	for rank := len(fields); ; rank-- {
		s := ""
		for _, f := range fields {
			if f.text == "" || f.rank >= rank {
				continue
			}
			if s != "" && f.rank != count {
				s += " "
			}
			if s != "" {
				s += " "
			}
			s += f.text
		}
		if width == 0 || cells(s) <= width || rank == 1 {
			return s
		}
	}
}

// barWidth is the width of a bar in a row.
func barWidth(width int) int {
	const narrow, usual, wide = 8, 12, 24
	switch {
	case width == 0:
		return usual
	case width < 50:
		return narrow
	case width < 90:
		return usual
	}
	return wide
}

// speed is the metric of a trial that is not a result.
const speed = "tokens_per_second"

func speedText(metrics map[string]float64) string {
	if v := metrics[speed]; v > 0 {
		return fmt.Sprintf("%.0f tok/s", v)
	}
	return ""
}

func lossText(metrics map[string]float64) string {
	s := ""
	for _, m := range []string{valueText(metrics), metricText(metrics, "val_loss", "val")} {
		if m != "" {
			s += "  " + m
		}
	}
	return s
}

// valueText is the loss of training. Of a program that reports no loss, it is the first of its
// metrics.
func valueText(metrics map[string]float64) string {
	for _, name := range []string{"loss", "train_loss"} {
		if s := metricText(metrics, name, "loss"); s != "" {
			return s
		}
	}
	if _, ok := metrics["val_loss"]; ok {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if name != speed {
			return metricText(metrics, name, name)
		}
	}
	return ""
}

func metricText(metrics map[string]float64, name, shown string) string {
	if v, ok := metrics[name]; ok {
		return fmt.Sprintf("%s %.4f", shown, v)
	}
	return ""
}

func bar(n, of, width int) string {
	full := n * width / max(1, of)
	return strings.Repeat("━", full) + strings.Repeat("╌", width-full)
}
