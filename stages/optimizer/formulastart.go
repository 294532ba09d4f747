package optimizer

import (
	"math"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/internal/ml"
)

// The sample of a matrix on which a rule is computed before anything is trained.
const (
	sampleRows    = 4
	sampleColumns = 6
)

// firstStep is the first update of a rule on a sample: the formulas by their name, in
// the order in which they are computed.
type firstStep struct {
	names map[string]formula.Grid
	next  map[string]*formula.Evaluation
	value *formula.Evaluation
}

// sampleSize is how many rows and columns the sample of a type has.
func sampleSize(kind formula.Type) (rows, columns int) {
	rows, columns = 1, 1
	if kind.Down == formula.Rows {
		rows = sampleRows
	}
	if kind.Along == formula.Columns {
		columns = sampleColumns
	}
	return rows, columns
}

// firstStep computes the rule's first update of a parameter for a gradient.
func (r *Rule) firstStep(kind formula.Type, rate float64, gradient formula.Grid) firstStep {
	value := formula.Sample(gradient.Rows, gradient.Columns+1)
	s := firstStep{next: make(map[string]*formula.Evaluation), names: map[string]formula.Grid{
		"value":    formula.NewGrid(gradient.Rows, gradient.Columns, func(i, j int) float64 { return 0.05 * value.At(i, j) }),
		"gradient": gradient, "learning_rate": formula.Single(rate), "step": formula.Single(1),
		"rows": formula.Single(float64(gradient.Rows)), "columns": formula.Single(float64(gradient.Columns)),
	}}
	for _, state := range r.States {
		s.names[state.Name] = zeros(stateKind(state.Shape, kind), gradient.Rows, gradient.Columns)
	}
	for _, i := range r.order() {
		name := r.States[i].Name
		s.next[name] = r.States[i].Next.Evaluate(s.names, iterating)
		s.names["next."+name] = s.next[name].Result()
	}
	s.value = r.Value.Evaluate(s.names, iterating)
	return s
}

func zeros(kind formula.Type, rows, columns int) formula.Grid {
	extent := func(a formula.Axis) int {
		switch a {
		case formula.Rows:
			return rows
		case formula.Columns:
			return columns
		}
		return 1
	}
	return formula.NewGrid(extent(kind.Down), extent(kind.Along), func(int, int) float64 { return 0 })
}

// validateStart warns of a rule whose first update is not finite or climbs.
func (r *Rule) validateStart(path diag.Path, kind formula.Type, rate float64) diag.List {
	rows, columns := sampleSize(kind)
	sample := formula.Sample(rows, columns+1)
	step := func(scale float64, from int) firstStep {
		return r.firstStep(kind, rate, formula.NewGrid(rows, columns, func(i, j int) float64 {
			if i < from {
				return 0
			}
			return scale * sample.At(i, j)
		}))
	}
	down := step(0.01, 0)
	list := r.infinite(down, path, "Computed for the first step, before which states are 0, and gradients with a normal distribution.")
	if len(list) == 0 && rows > 1 {
		list = r.infinite(step(0.01, 1), path, "Computed for the first step and a gradient with a row of zeros, as unused tokens and units have.")
	}
	if len(list) > 0 {
		return list
	}
	climb, up := 0.0, step(-0.01, 0).value.Result()
	for i, v := range down.value.Result().Values {
		climb += (v - up.Values[i]) * down.names["gradient"].Values[i]
	}
	if climb > 0 {
		return diag.Warningf(append(path, "value"), "Update climbs", "The first update goes along the gradient, so that the loss rises. Subtract what is added.")
	}
	return nil
}

// infinite warns of new values that are not finite, of states before the parameter's.
func (r *Rule) infinite(s firstStep, path diag.Path, basis string) diag.List {
	at := func(names ...string) diag.Path { return append(path[:len(path):len(path)], names...) }
	for _, i := range r.order() {
		name := r.States[i].Name
		if list := s.next[name].Infinite(at("state", name, "next"), basis); len(list) > 0 {
			return list
		}
	}
	return s.value.Infinite(at("value"), basis)
}

// iterating has the functions of matrices that iterate.
var iterating = map[string]formula.MatrixFunction{
	"newton_schulz": func(x formula.Grid, n float64) formula.Grid { return orthogonalized(x, int(n), quintic, 1) },
	"polar_express": func(x formula.Grid, n float64) formula.Grid {
		return orthogonalized(x, int(n), polarExpress, polarMargin)
	},
}

// orthogonalized is newtonSchulz for a sample.
func orthogonalized(x formula.Grid, iterations int, triples [][3]float64, margin float64) formula.Grid {
	size := 0.0
	for _, v := range x.Values {
		size += v * v
	}
	size = margin*math.Sqrt(size) + 1e-7
	x = formula.NewGrid(x.Rows, x.Columns, func(i, j int) float64 { return x.At(i, j) / size })
	for i := range iterations {
		t := triples[min(i, len(triples)-1)]
		a := product(x, formula.NewGrid(x.Columns, x.Rows, func(i, j int) float64 { return x.At(j, i) }))
		aa := product(a, a)
		b := product(formula.NewGrid(a.Rows, a.Columns, func(i, j int) float64 { return t[1]*a.At(i, j) + t[2]*aa.At(i, j) }), x)
		old := x
		x = formula.NewGrid(x.Rows, x.Columns, func(i, j int) float64 { return t[0]*old.At(i, j) + b.At(i, j) })
	}
	return x
}

func product(a, b formula.Grid) formula.Grid {
	return formula.NewGrid(a.Rows, b.Columns, func(i, j int) float64 {
		sum := 0.0
		for k := range a.Columns {
			sum += a.At(i, k) * b.At(k, j)
		}
		return sum
	})
}

// IdleRules lists the labels of rules that update none of the parameters.
func (f *Formula) IdleRules(params []ml.Param) []string {
	used := make(map[*Rule]bool)
	for _, p := range params {
		if p.Role != ml.RoleBuffer {
			used[f.rule(p.Role)] = true
		}
	}
	var out []string
	for i := range f.Rules {
		if r := &f.Rules[i]; !used[r] {
			out = append(out, r.On)
		}
	}
	return out
}
