package render

import (
	"fmt"
	"slices"
	"strconv"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Trajectory is the document of a trajectory analysis.
func Trajectory(r answer.Trajectory) Document {
	return Document{Sections: trajectorySections(r), Rows: trajectoryRows(r)}
}

func trajectorySections(r answer.Trajectory) []Section {
	g := newGrid(0, 1+2*len(r.Levels))
	head := []string{"step"}
	for _, l := range r.Levels {
		head = append(head, answer.Term{Factor: r.Factor, Level: l.Level, Baseline: r.Baseline}.Gap(), "band")
	}
	g.add(head...)
	shown := tableSteps(r)
	for _, k := range shown {
		line := []string{strconv.Itoa(r.Levels[0].Points[k].Step)}
		for _, l := range r.Levels {
			p := l.Points[k]
			line = append(line, numeral.Signed(&p.Gap, numeral.Half(p.Low, p.High)), numeral.Between(p.Low, p.High))
		}
		g.add(line...)
	}
	var lines []string
	if all := len(r.Levels[0].Points); len(shown) < all {
		lines = append(lines, fmt.Sprintf("The table shows %d of %d steps; the CSV file has all.", len(shown), all))
	}
	for _, l := range r.Levels {
		lines = append(lines, fmt.Sprintf("%s: %s.", answer.NameLevel(r.Factor, l.Level), seen(l)))
	}
	lines = append(lines, r.Notes...)
	title := fmt.Sprintf("Gap of %s to %s by step, with a band that holds at all steps at once", r.Response, answer.NameLevel(r.Factor, r.Baseline))
	return warned([]Section{{Title: title, Grid: g, Lines: lines}}, r.Warnings)
}

// seen says at which steps the band of a level excludes 0.
func seen(l answer.TrajectoryLine) string {
	shown, banded := 0, 0
	for _, p := range l.Points {
		if p.Low != nil {
			banded++
		}
		if p.Shows() {
			shown++
		}
	}
	switch {
	case banded == 0:
		return "there is no band"
	case l.Seen != nil:
		return fmt.Sprintf("from step %d on, the band excludes 0", *l.Seen)
	case shown > 0:
		return fmt.Sprintf("the band excludes 0 at %d of %d steps, but not at the last", shown, len(l.Points))
	}
	return "the band includes 0 at all steps, so no pilot up to this length shows the gap"
}

// mostSteps is about how many steps a table shows. Curves and CSV have all.
const mostSteps = 20

// tableSteps lists the points that the table shows: the first, the last, every
// so many between them, and those from which on a gap is seen.
func tableSteps(r answer.Trajectory) []int {
	points := r.Levels[0].Points
	stride := (len(points) + mostSteps - 1) / mostSteps
	var out []int
	for k, p := range points {
		seen := slices.ContainsFunc(r.Levels, func(l answer.TrajectoryLine) bool { return l.Seen != nil && *l.Seen == p.Step })
		if k == 0 || seen || (len(points)-1-k)%stride == 0 {
			out = append(out, k)
		}
	}
	return out
}

func trajectoryRows(r answer.Trajectory) [][]string {
	rows := [][]string{{"level", "step", "gap", "low", "high", "mean", "sd", "n"}}
	for _, l := range r.Levels {
		for _, p := range l.Points {
			rows = append(rows, []string{l.Level, strconv.Itoa(p.Step), numeral.Shortest(p.Gap), numeral.Exact(p.Low), numeral.Exact(p.High), "", "", ""})
		}
	}
	for _, c := range r.Curves {
		for _, p := range c.Points {
			rows = append(rows, []string{c.Level, strconv.Itoa(p.Step), "", "", "", numeral.Exact(p.Mean), numeral.Exact(p.SD), strconv.Itoa(p.N)})
		}
	}
	return rows
}
