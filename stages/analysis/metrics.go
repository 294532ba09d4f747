package analysis

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/record"
)

// readMetrics reads the rows of some metrics, and of every other metric the last
// row, so that a message can list the names. Most rows of a log are of metrics
// that the analysis does not need: they are recognized by name and not decoded.
func readMetrics(env *pipeline.Env, d cache.Digest, names ...string) ([]record.Row, error) {
	r, err := env.Open(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []record.Row
	others := make(map[string]record.Row)
	known := func(name []byte) bool { _, ok := others[string(name)]; return ok }
	for x, err := range record.Read(r, known) {
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, x.Name) {
			others[x.Name] = x
			continue
		}
		out = append(out, x)
	}
	for _, name := range sortedKeys(others) {
		out = append(out, others[name])
	}
	return out, nil
}

// errNoMetric is a trial without a metric, at any step.
var errNoMetric = errors.New("no such metric")

// noMetricError is errNoMetric with the metrics that the trial has.
type noMetricError struct{ text string }

// Error implements error.
func (e noMetricError) Error() string { return e.text }

// Is makes errors.Is find errNoMetric.
func (noMetricError) Is(target error) bool { return target == errNoMetric }

// pick returns a metric's row at the last step, at its lowest or highest value, or at a
// given step.
func pick(rows []record.Row, metric string, at addr.Level) (record.Row, error) {
	var found *record.Row
	names := make(map[string]bool)
	for i, r := range rows {
		names[r.Name] = true
		if r.Name != metric {
			continue
		}
		switch {
		case at.Kind == "number":
			if strconv.Itoa(r.Step) == at.Text {
				found = &rows[i]
			}
		case at.Text == "final" || found == nil || at.Text == highest && r.Value > found.Value || at.Text != highest && r.Value < found.Value:
			found = &rows[i]
		}
	}
	switch {
	case found != nil && !math.IsNaN(found.Value):
		return *found, nil
	case names[metric]:
		return record.Row{}, fmt.Errorf("its metric %q has no value at step %s; evaluate at that step, or choose another", metric, at.Text)
	}
	delete(names, record.Diverged) // an outcome
	if len(names) == 0 {
		return record.Row{}, noMetricError{fmt.Sprintf("it has no metric %q, nor any other", metric)}
	}
	return record.Row{}, noMetricError{fmt.Sprintf("it has no metric %q; it has %s", metric, join(sortedKeys(names)))}
}

// highest is where a response is read that is better if it is higher, at its best.
const highest = "highest"

// place is where the response is read: the best value is that which better says.
func (f *Factorial) place() addr.Level {
	if f.At.Text == "best" && f.Better == "higher" {
		return addr.Level{Kind: "string", Text: highest}
	}
	return f.At
}

// validateAt checks where a response is to be read.
func validateAt(at addr.Level) diag.List {
	if at.Kind == "number" || at.Kind == "string" && (at.Text == "final" || at.Text == "best") {
		return nil
	}
	return diag.Errorf(diag.Path{"at"}, "Out of range", "at must be \"final\", \"best\" or a step, not %s.", at)
}

func validateConfidence(v float64) diag.List {
	if v > 0 && v < 1 {
		return nil
	}
	return diag.Errorf(diag.Path{"confidence"}, "Out of range", "confidence must be between 0 and 1, for example 0.95, not %v.", v)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func join(words []string) string { return strings.Join(words, ", ") }
