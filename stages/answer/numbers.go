package answer

import (
	"regexp"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
)

// Number is one number of an analysis, under a name that a paper can use.
type Number struct {
	Name    string
	Value   float64
	What    string        // the contrast or cell in words
	Address addr.Instance // the analysis that it comes from
	Key     cache.Key     // of that
	Result  cache.Digest
}

// numberNames are parts of a name: ANALYSIS/KIND/WHAT/FIELD.
var notInNames = regexp.MustCompile(`[^a-z0-9.]+`)

func slug(s string) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s), "-"), "-")
}

// Numbers lists the numbers of the result of an analysis.
func (r Result) Numbers(of addr.Instance, key cache.Key) []Number {
	var out []Number
	taken := make(map[string]bool)
	add := func(kind, what, field string, v *float64) {
		name := strings.Join([]string{slug(of.Stage.Name), slug(kind), slug(what), slug(field)}, "/")
		if v == nil || taken[name] {
			return
		}
		taken[name] = true
		out = append(out, Number{Name: name, Value: *v, What: kind + " " + what + ", " + field, Address: of, Key: key, Result: r.Digest})
	}
	for _, c := range r.Cells {
		if len(c.Levels) == 0 { // of a mechanism, whose cells are by step and layer
			continue
		}
		n := float64(c.N)
		what := strings.Join(c.Levels, " ")
		add("cell", what, "mean", c.Mean)
		add("cell", what, "sd", c.SD)
		add("cell", what, "n", &n)
	}
	for _, l := range r.Lines() {
		for _, f := range []struct {
			name  string
			value *float64
		}{
			{"estimate", l.Estimate}, {"low", l.Low}, {"high", l.High}, {"f", l.F}, {"p", l.P}, {"p-holm", l.PHolm},
			{"half-width", l.HalfWidth}, {"detectable", l.Detectable}, {"eta2", l.Eta2}, {"omega2", l.Omega2},
		} {
			add(l.Kind, l.Name, f.name, f.value)
		}
	}
	return out
}
