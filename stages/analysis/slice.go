package analysis

import (
	"math"
	"slices"
	"strconv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// describeTrials is Describe for analyses of trials or of one table of results.
func describeTrials(in pipeline.Inputs, figures ...string) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if err := checkSources(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	if _, ok := asResults(trials); !ok && len(trials) > 0 {
		if err := sameFactors(trials).Err(); err != nil {
			return pipeline.Recipe{}, err
		}
	}
	return pipeline.Recipe{Inputs: trialInputs(trials), Outputs: outputs(figures...)}, nil
}

// openTable reads the trial table, and says which factor is the replicate.
func openTable(env *pipeline.Env, response string, at addr.Level, replicate string) (*trialTable, string, error) {
	table, err := readTrials(env, response, at)
	if err != nil {
		return nil, "", err
	}
	if r, ok := asResults(env.Inputs.Refs["trials"]); ok {
		replicate = looseReplicate
		if name := r.ReplicateName(); name != "" {
			replicate = name
		}
	} else if replicate != "seed" && !slices.Contains(table.factors, replicate) { // which need not be a factor
		return nil, "", diag.Errorf(diag.Path{"replicate"}, "Unknown factor", "The trials have no factor %q; they have %s.", replicate, join(table.factors)).Err()
	}
	return table, replicate, nil
}

// tableSlice is the trials at fixed levels of all factors but one.
type tableSlice struct {
	cells      []sliceCell
	lost, base *sliceCell
}

// sliceCell is the trials at one level of that factor.
type sliceCell struct {
	*cellData
	id    addr.Level
	label string
}

// sameLevel reports whether two levels are one. Those of a table of results
// are texts, also where a study writes numbers.
func sameLevel(a, b addr.Level) bool {
	return a == b || a.Kind != "ref" && b.Kind != "ref" && a.Text == b.Text
}

func (s *tableSlice) labels() []string {
	out := make([]string, len(s.cells))
	for i, c := range s.cells {
		out[i] = c.label
	}
	return out
}

// slice sorts trials by the levels of a factor. where fixes all others.
func (t *trialTable) slice(factor, replicate string, where map[string]addr.Level) (*tableSlice, error) {
	column := slices.Index(t.factors, factor)
	if column < 0 {
		return nil, diag.Errorf(diag.Path{"factor"}, "Unknown factor", "The trials have no factor %q; they have %s.", factor, join(t.factors)).Err()
	}
	for _, name := range sortedKeys(where) {
		if !slices.Contains(t.factors, name) || name == factor {
			return nil, diag.Errorf(diag.Path{"where"}, "Unknown factor", "where cannot fix %q: the other factors are %s.", name, join(t.factors)).Err()
		}
	}
	s := &tableSlice{}
	at := slices.Index(t.factors, replicate)
	settings := make(map[string]string)
	for _, x := range t.trials {
		if !x.matches(t.factors, where) {
			continue
		}
		for i, name := range t.factors {
			if i == column || i == at {
				continue
			}
			if old, ok := settings[name]; ok && old != x.levels[i] {
				return nil, diag.Errorf(diag.Path{"where"}, "Open factor", "%s varies: it is %s and %s. Fix it with where = { %s = … }.", name, old, x.levels[i], name).Err()
			}
			settings[name] = x.levels[i]
		}
		s.add(x, column, at)
	}
	if len(s.cells) == 0 {
		return nil, diag.Errorf(diag.Path{"where"}, "No trials", "No trial stands where the block says.").Err()
	}
	return s, nil
}

func (x trial) matches(factors []string, where map[string]addr.Level) bool {
	for i, name := range factors {
		if want, ok := where[name]; ok && !sameLevel(x.ids[i], want) {
			return false
		}
	}
	return true
}

func (s *tableSlice) add(x trial, column, replicate int) {
	i := slices.IndexFunc(s.cells, func(c sliceCell) bool { return c.id == x.ids[column] })
	if i < 0 {
		i = len(s.cells)
		s.cells = append(s.cells, sliceCell{&cellData{values: make(map[string]float64)}, x.ids[column], x.levels[column]})
	}
	c := s.cells[i]
	r := ""
	if replicate >= 0 {
		r = x.levels[replicate]
	}
	switch _, twice := c.values[r]; {
	case x.diverged:
		c.diverged++
	case !twice:
		c.values[r] = x.response
		c.order = append(c.order, r)
	}
}

func validateConfidence(v float64) diag.List {
	if v > 0 && v < 1 {
		return nil
	}
	return diag.Errorf(diag.Path{"confidence"}, "Out of range", "confidence is a share between 0 and 1, for example 0.95, not %v.", v)
}

// exact prints a number so that reading it gives it back.
func exact(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// measureOf names a response for people.
func measureOf(response, at string) string { return (&result{Response: response, At: at}).measure() }
