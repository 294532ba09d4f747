package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// trained says what was trained, where and at which cost.
type trained struct {
	Facts    []fact
	Grid     *grid
	Varied   []varied
	Plain    []fact // factors whose levels are values, which set nothing else
	Machines *table
	From, To string // the days on which trials finished
}

// fact is a number, or another text, with its name.
type fact struct{ Value, Name string }

// varied is a factor with the settings that its levels differ in.
type varied struct {
	Name   string
	Levels []string
	Rows   []variedRow
}

// variedRow is one setting at each level; empty where a level does not have it.
type variedRow struct {
	Name   string
	Values []Setting
}

// grid is the cells of the design: one factor down, the others across.
type grid struct {
	Corner  string
	Columns []string
	Rows    []gridRow
}

type gridRow struct {
	Label string
	Cells []gridCell
}

type gridCell struct {
	Trials []gridTrial
	Mean   string // of the response; "" without one
}

type gridTrial struct{ Replicate, State, Mark string }

var marks = map[string]string{"done": "●", "diverged": "✕", "missing": "○"}

func newTrained(s Source) trained {
	var out trained
	if len(s.Trials) == 0 {
		return out
	}
	out.Facts = facts(s)
	out.Grid = newGrid(s)
	for _, f := range s.Factors {
		if v := newVaried(f); len(v.Rows) > 0 {
			out.Varied = append(out.Varied, v)
		} else {
			out.Plain = append(out.Plain, fact{Name: f.Name, Value: strings.Join(v.Levels, ", ")})
		}
	}
	out.Machines = machines(s.Trials)
	for _, t := range s.Trials {
		if t.Finished.IsZero() {
			continue
		}
		day := t.Finished.UTC().Format(time.DateOnly)
		if out.From == "" || day < out.From {
			out.From = day
		}
		out.To = max(out.To, day)
	}
	return out
}

func facts(s Source) []fact {
	replicates, cells := make(map[string]bool), make(map[string]bool)
	states := make(map[string]int)
	seconds := 0.0
	least, most := s.Trials[0], s.Trials[0]
	flops := 0.0
	for _, t := range s.Trials {
		replicates[t.Replicate], cells[strings.Join(t.Levels, "\x00")] = true, true
		states[t.State]++
		seconds += t.Seconds
		flops += t.FLOPs
		if t.Parameters < least.Parameters {
			least = t
		}
		if t.Parameters > most.Parameters {
			most = t
		}
	}
	design := numeral.Things(len(cells), "cell")
	if n := len(replicates); n > 1 && len(cells)*n == len(s.Trials) {
		design += fmt.Sprintf(" × %d %ss", n, s.Replicate)
	} else if n > 1 {
		design += fmt.Sprintf(", %d %ss", n, s.Replicate)
	}
	out := []fact{{numeral.Things(len(s.Trials), "trial"), design}}
	for _, state := range []string{"missing", "diverged"} {
		if n := states[state]; n > 0 {
			out = append(out, fact{strconv.Itoa(n), "of them " + state})
		}
	}
	if most.Parameters > 0 {
		size := quantity(float64(most.Parameters))
		if small := quantity(float64(least.Parameters)); small != size {
			size = small + " to " + size
		}
		out = append(out, fact{size, "parameters"})
	}
	if most.Tokens > 0 {
		out = append(out, fact{quantity(float64(most.Tokens)), "tokens for each trial"})
	}
	if flops > 0 {
		out = append(out, fact{quantity(flops), "FLOP in total"})
	}
	if seconds > 0 {
		out = append(out, fact{duration(seconds), "of training in total"})
	}
	return out
}

// quantity prints a large number with a prefix.
func quantity(v float64) string { return numeral.Prefixed(v, " ") }

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", seconds)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// newGrid lays the cells out; nil without factors.
func newGrid(s Source) *grid {
	if len(s.Factors) == 0 {
		return nil
	}
	across := acrossOf(s.Factors)
	part := func(t Trial, of []bool, want bool) string {
		levels := slices.Clone(t.Levels)
		for i := range levels {
			if of[i] != want {
				levels[i] = ""
			}
		}
		return cellName(s.Factors, levels)
	}
	g := &grid{}
	var corner []string
	for i, f := range s.Factors {
		if !across[i] {
			corner = append(corner, f.Name)
		}
	}
	g.Corner = strings.Join(corner, ", ")
	byLevel := slices.Clone(s.Trials)
	slices.SortStableFunc(byLevel, func(a, b Trial) int {
		for i, f := range s.Factors {
			if order := place(f, a.Levels[i]) - place(f, b.Levels[i]); !across[i] && order != 0 {
				return order
			}
		}
		return 0
	})
	for _, t := range byLevel {
		if label := part(t, across, false); !slices.ContainsFunc(g.Rows, func(r gridRow) bool { return r.Label == label }) {
			g.Rows = append(g.Rows, gridRow{Label: label})
		}
	}
	for _, t := range s.Trials {
		if c := part(t, across, true); !slices.Contains(g.Columns, c) {
			g.Columns = append(g.Columns, c)
		}
	}
	for i := range g.Rows {
		g.Rows[i].Cells = make([]gridCell, len(g.Columns))
	}
	means := meansOf(s)
	for _, t := range s.Trials {
		label := part(t, across, false)
		row := slices.IndexFunc(g.Rows, func(r gridRow) bool { return r.Label == label })
		c := &g.Rows[row].Cells[slices.Index(g.Columns, part(t, across, true))]
		c.Trials = append(c.Trials, gridTrial{t.Replicate, t.State, marks[t.State]})
		c.Mean = means[strings.Join(t.Levels, "\x00")]
	}
	return g
}

// place is where a level stands in its factor. What has no level comes last.
func place(f Factor, level string) int {
	if i := slices.IndexFunc(f.Levels, func(l Level) bool { return l.Label == level }); i >= 0 {
		return i
	}
	return len(f.Levels)
}

// acrossOf chooses the factors whose levels are columns: not the one with the most levels, and as
// many of the others as fit a page, at least one.
func acrossOf(factors []Factor) []bool {
	const most = 6 // columns
	across := make([]bool, len(factors))
	down := 0
	for i, f := range factors {
		if len(f.Levels) > len(factors[down].Levels) {
			down = i
		}
	}
	columns := 1
	for i := len(factors) - 1; i >= 0; i-- {
		if i == down {
			continue
		}
		if n := columns * len(factors[i].Levels); columns == 1 || n <= most {
			across[i], columns = true, n
		} else {
			break
		}
	}
	return across
}

// meansOf are the means of cells by their levels, from the first factorial over all
// factors.
func meansOf(s Source) map[string]string {
	out := make(map[string]string)
	for _, c := range s.Chapters {
		var r answer.Result
		if c.Kind != "factorial" || json.Unmarshal(c.Result, &r) != nil || len(r.Factors) != len(s.Factors) {
			continue
		}
		for _, cell := range r.Cells {
			levels := make([]string, len(s.Factors))
			for i, f := range r.Factors {
				if at := slices.IndexFunc(s.Factors, func(x Factor) bool { return x.Name == f.Name }); at >= 0 {
					levels[at] = cell.Levels[i]
				}
			}
			if cell.Mean != nil {
				out[strings.Join(levels, "\x00")] = numeral.WithError(*cell.Mean, cell.SD)
			}
		}
		return out
	}
	return out
}

// newVaried tabulates the settings that the levels of a factor differ in.
func newVaried(f Factor) varied {
	out := varied{Name: f.Name}
	at := make(map[string]int)
	for i, l := range f.Levels {
		out.Levels = append(out.Levels, l.Label)
		for _, x := range l.Settings {
			if _, ok := at[x.Name]; !ok {
				at[x.Name] = len(out.Rows)
				out.Rows = append(out.Rows, variedRow{x.Name, make([]Setting, len(f.Levels))})
			}
			out.Rows[at[x.Name]].Values[i] = x
		}
	}
	out.Rows = slices.DeleteFunc(out.Rows, func(r variedRow) bool {
		return len(r.Values) > 1 && !slices.ContainsFunc(r.Values, func(v Setting) bool { return v != r.Values[0] })
	})
	return out
}

// machines sums up where trials were trained; nil if that is not known.
func machines(trials []Trial) *table {
	type place struct{ host, program string }
	var order []place
	counts, seconds := make(map[place]int), make(map[place]float64)
	threads := make(map[place]int)
	for _, t := range trials {
		if t.Host == "" {
			continue
		}
		p := place{t.Host, t.Program}
		if counts[p] == 0 {
			order = append(order, p)
		}
		counts[p]++
		seconds[p] += t.Seconds
		threads[p] = max(threads[p], t.Threads)
	}
	if len(order) == 0 {
		return nil
	}
	out := &table{Head: []head{{Text: "machine and numerics"}, {Text: "program"}, {"threads for each trial", true}, {"trials", true}, {"training time", true}}}
	for _, p := range order {
		n, s, each := float64(counts[p]), seconds[p], float64(threads[p])
		out.Rows = append(out.Rows, []cell{words(p.host), {Text: p.program[:min(19, len(p.program))], Exact: p.program}, counted(numeral.Count(each), &each), counted(numeral.Count(n), &n), counted(duration(s), &s)})
	}
	return out
}
