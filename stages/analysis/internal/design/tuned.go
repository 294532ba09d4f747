package design

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Choice is the setting of the tuned factors that a cell's own trials choose.
type Choice struct {
	Cell    []Level  // by factor that is not tuned
	Factors []string // those that are tuned
	Setting []Level  // of these: the best of the mean over all trials; nil if a trial of each setting diverged
	Mean    float64  // of the setting
	Chosen  int      // replicates for which the other replicates choose this setting
	Of      int      // replicates for which the other replicates choose any
	Settled bool     // the setting is better than every other in each replicate, or there is no other
	Fewest  int      // trials of the setting with the fewest
	Size    int      // settings that were tried
	Edges   []string // tuned factors of which the setting has the smallest or the largest number
	Fixed   []string // tuned factors with one level in this cell
	Doubled bool     // two trials have the same setting and replicate; only the first counts
}

// Tune reduces a table to the trials at tuned settings. The setting of a trial is
// chosen on the other replicates of its cell alone, so the choice does not flatter the
// trial. A trial counts if it has the setting that the others choose. Where every
// setting has one trial, the best trial is taken: there are no others.
func Tune(t *Table, tuned []string, higher bool) (*Table, []Choice) {
	u := tuner{table: t, higher: higher, cells: make(map[string]*tunedCell)}
	for i, c := range t.Columns {
		switch {
		case i == t.Replicate:
		case slices.Contains(tuned, c.Name):
			u.tuned = append(u.tuned, i)
		default:
			u.kept = append(u.kept, i)
		}
	}
	for i := range t.Trials {
		u.add(i)
	}
	return u.reduced()
}

// tuner sorts the trials of a table by cell and setting.
type tuner struct {
	table       *Table
	higher      bool // higher responses are better
	tuned, kept []int
	cells       map[string]*tunedCell
	order       []string // of cells
}

type tunedCell struct {
	settings map[string]*setting
	order    []string
	doubled  bool
}

// setting is the trials of a cell with one setting of the tuned factors.
type setting struct {
	trials      []int       // of the table
	byReplicate map[int]int // a trial of the table
	sum         float64     // of the responses
	diverged    int
}

func (u *tuner) add(i int) {
	x := u.table.Trials[i]
	key := fmt.Sprint(at(x, u.kept))
	c := u.cells[key]
	if c == nil {
		c = &tunedCell{settings: make(map[string]*setting)}
		u.cells[key], u.order = c, append(u.order, key)
	}
	key = fmt.Sprint(at(x, u.tuned))
	s := c.settings[key]
	if s == nil {
		s = &setting{byReplicate: make(map[int]int)}
		c.settings[key], c.order = s, append(c.order, key)
	}
	if _, twice := s.byReplicate[u.replicate(i)]; twice {
		c.doubled = true
		return
	}
	s.byReplicate[u.replicate(i)] = i
	s.trials = append(s.trials, i)
	if x.Diverged {
		s.diverged++
	} else {
		s.sum += x.Response
	}
}

func at(x Trial, columns []int) []int {
	out := make([]int, len(columns))
	for k, i := range columns {
		out[k] = x.Levels[i]
	}
	return out
}

func (u *tuner) replicate(i int) int {
	if u.table.Replicate < 0 {
		return 0
	}
	return u.table.Trials[i].Levels[u.table.Replicate]
}

// reduced is the table of the trials that count, in their order, and the choice of
// each cell.
func (u *tuner) reduced() (*Table, []Choice) {
	var used []int
	var choices []Choice
	for _, key := range u.order {
		trials, choice := u.choose(u.cells[key])
		used, choices = append(used, trials...), append(choices, choice)
	}
	slices.Sort(used)
	out := *u.table
	out.Columns, out.Replicate, out.Trials = nil, -1, nil
	for i, c := range u.table.Columns {
		if i == u.table.Replicate {
			out.Replicate = len(out.Columns)
		}
		if !slices.Contains(u.tuned, i) {
			out.Columns = append(out.Columns, c)
		}
	}
	for _, i := range used {
		x := u.table.Trials[i]
		var levels []int
		for j, l := range x.Levels {
			if !slices.Contains(u.tuned, j) {
				levels = append(levels, l)
			}
		}
		x.Levels = levels
		out.Trials = append(out.Trials, x)
	}
	return &out, choices
}

// choose returns the trials of a cell that count.
func (u *tuner) choose(c *tunedCell) (used []int, choice Choice) {
	best, mean := u.best(c, -1)
	choice = Choice{Mean: mean, Size: len(c.order), Doubled: c.doubled, Fewest: math.MaxInt}
	most := 0
	for _, key := range c.order {
		choice.Fewest, most = min(choice.Fewest, len(c.settings[key].trials)), max(most, len(c.settings[key].trials))
	}
	first := u.table.Trials[c.settings[c.order[0]].trials[0]]
	for _, i := range u.kept {
		choice.Cell = append(choice.Cell, u.table.Columns[i].Levels[first.Levels[i]])
	}
	if best != "" {
		u.describe(&choice, c, u.table.Trials[c.settings[best].trials[0]])
		choice.Settled = u.settled(c, best)
	}
	if most == 1 {
		return u.fallback(c, best), choice
	}
	for _, replicate := range c.replicates(u) {
		winner, _ := u.best(c, replicate)
		if winner == "" {
			continue
		}
		choice.Of++
		if winner == best {
			choice.Chosen++
		}
		if i, ok := c.settings[winner].byReplicate[replicate]; ok {
			used = append(used, i)
		}
	}
	if len(used) == 0 {
		used, choice.Of, choice.Chosen = u.fallback(c, best), 0, 0
	}
	return used, choice
}

// settled reports whether a setting is better than every other in each replicate. Of
// unpaired trials, each is compared with each.
func (u *tuner) settled(c *tunedCell, best string) bool {
	winner := c.settings[best]
	for _, key := range c.order {
		if key == best {
			continue
		}
		matched := 0
		for _, i := range winner.trials {
			for _, j := range c.settings[key].trials {
				if !u.table.Unpaired && u.replicate(i) != u.replicate(j) {
					continue
				}
				matched++
				if !u.better(u.table.Trials[i], u.table.Trials[j]) {
					return false
				}
			}
		}
		if matched < len(winner.trials) {
			return false
		}
	}
	return true
}

func (u *tuner) better(x, than Trial) bool {
	return than.Diverged || u.higher && x.Response > than.Response || !u.higher && x.Response < than.Response
}

// fallback is the trials that stand for a cell in which no replicate has a trial of the
// setting that the others choose: those of the best setting, or a diverged one.
func (u *tuner) fallback(c *tunedCell, best string) []int {
	if best != "" {
		return c.settings[best].trials
	}
	for _, key := range c.order {
		for _, i := range c.settings[key].trials {
			if u.table.Trials[i].Diverged {
				return []int{i}
			}
		}
	}
	return nil
}

// replicates lists those of a cell, in the order of their trials.
func (c *tunedCell) replicates(u *tuner) (out []int) {
	seen := make(map[int]bool)
	for _, key := range c.order {
		for _, i := range c.settings[key].trials {
			if r := u.replicate(i); !seen[r] {
				seen[r] = true
				out = append(out, r)
			}
		}
	}
	return out
}

// best is the setting with the best mean over all replicates but one, "" if none has a
// mean. Ties keep the first.
func (u *tuner) best(c *tunedCell, without int) (key string, mean float64) {
	mean = math.NaN()
	for _, k := range c.order {
		m, ok := u.mean(c.settings[k], without)
		if ok && (key == "" || u.higher && m > mean || !u.higher && m < mean) {
			key, mean = k, m
		}
	}
	return key, mean
}

// mean is that of a setting's responses without those of one replicate. A setting of
// which a trial diverged has none.
func (u *tuner) mean(s *setting, without int) (mean float64, ok bool) {
	sum, n, diverged := s.sum, len(s.trials), s.diverged
	if i, has := s.byReplicate[without]; has {
		n--
		if u.table.Trials[i].Diverged {
			diverged--
		} else {
			sum -= u.table.Trials[i].Response
		}
	}
	return sum / float64(n), n > 0 && diverged == 0
}

// describe says which setting a cell chose, and where it lies on the grid.
func (u *tuner) describe(choice *Choice, c *tunedCell, winner Trial) {
	for _, i := range u.tuned {
		level := u.table.Columns[i].Levels[winner.Levels[i]]
		choice.Factors = append(choice.Factors, u.table.Columns[i].Name)
		choice.Setting = append(choice.Setting, level)
		tried := make(map[int]bool)
		low, high, numbers := math.Inf(1), math.Inf(-1), true
		for _, key := range c.order {
			l := u.table.Trials[c.settings[key].trials[0]].Levels[i]
			tried[l] = true
			v, err := strconv.ParseFloat(u.table.Columns[i].Levels[l].ID.Text, 64)
			numbers = numbers && err == nil
			low, high = min(low, v), max(high, v)
		}
		v, _ := strconv.ParseFloat(level.ID.Text, 64)
		switch name := u.table.Columns[i].Name; {
		case len(tried) == 1:
			choice.Fixed = append(choice.Fixed, name)
		case numbers && (v == low || v == high):
			choice.Edges = append(choice.Edges, name)
		}
	}
}
