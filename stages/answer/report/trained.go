package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
