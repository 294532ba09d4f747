package optimizer

import (
	"math"
	"math/rand/v2"
	"testing"

	"ablate/hcl/formula"
	"ablate/stages/internal/ml"
)

// randomRule makes rules from the grammar.
type randomRule struct {
	*rand.Rand
	b     formula.Builder
	names []string
}

func (r *randomRule) call(op string, args ...*formula.Part) *formula.Part {
	p, mistake := r.b.Call(op, args, nil)
	if mistake != nil {
		return r.b.Number(1, nil)
	}
	return p
}

func (r *randomRule) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r *randomRule) positive(depth int) *formula.Part {
	return r.call("add", r.call("square", r.part(depth)), r.b.Number(0.5, nil))
}

func (r *randomRule) part(depth int) *formula.Part {
	if depth == 0 || r.IntN(8) == 0 {
		if r.IntN(4) == 0 {
			return r.b.Number(float64(1+r.IntN(12))/4, nil)
		}
		return r.b.Name(r.pick(r.names...), nil)
	}
	d := depth - 1
	switch r.IntN(11) {
	case 0:
		return r.call("div", r.part(d), r.positive(d))
	case 1:
		return r.call("sqrt", r.positive(d))
	case 2, 3:
		sides := r.call(r.pick("lt", "le", "gt", "ge", "eq", "ne"), r.b.Name("rows", nil), r.b.Name("columns", nil))
		return r.call("where", sides, r.part(d), r.part(d))
	case 4:
		return r.call(r.pick("norm_all", "mean_columns", "mean_rows", "transpose"), r.part(d))
	case 5:
		return r.call("matmul", r.part(d), r.call("transpose", r.part(d)))
	case 6:
		return r.call("newton_schulz", r.part(d), r.b.Number(2, nil))
	case 7:
		return r.call("tanh", r.part(d))
	case 8:
		return r.call("pow", r.b.Number(0.75, nil), r.b.Name("step", nil))
	}
	return r.call(r.pick("add", "sub", "mul", "min", "max"), r.part(d), r.part(d))
}

// formula makes one of the names that come first, and a random part.
func (r *randomRule) formula(first ...string) formula.Formula {
	p := r.part(4)
	for _, name := range first {
		p = r.call("add", p, r.b.Name(name, nil))
	}
	f, _ := p.Formula()
	return f
}

// Random rules agree with an evaluation of their formulas in float64, whatever side of a
// matrix is longer.
func TestRandomRules(t *testing.T) {
	compared := 0
	for seed := range uint64(1000) {
		r := &randomRule{Rand: rand.New(rand.NewPCG(seed, 1))}
		rule := Rule{On: r.pick("matrix", "matrix", "vector", "scalar"), States: []RuleState{{Name: "m", Shape: r.pick(same, same, same, perRow, perColumn)}}}
		r.names = []string{"value", "gradient", "learning_rate", "step", "rows", "columns", "m"}
		rule.States[0].Next = r.formula("m")
		r.names = append(r.names, "next.m")
		rule.Value = r.formula("value", "gradient", "next.m")
		kind := kindOf(ml.Role(rule.On))
		if rule.validate(nil, kind).HasErrors() || rule.validateUse(nil).HasErrors() {
			continue // shapes do not fit
		}
		p := ml.Param{Path: "p", Role: ml.Role(rule.On), Shape: []int{1 + r.IntN(5), 1 + r.IntN(5)}}
		rows, columns := p.Shape[0], p.Shape[1]
		switch p.Role {
		case ml.RoleVector:
			p.Shape, rows = p.Shape[1:], 1
		case ml.RoleScalar:
			p.Shape, rows, columns = nil, 1, 1
		}
		sample := func(rows, columns int) formula.Grid {
			return formula.NewGrid(rows, columns, func(int, int) float64 { return float64(float32(r.NormFloat64())) })
		}
		names := map[string]formula.Grid{
			"value": sample(rows, columns), "gradient": sample(rows, columns), "learning_rate": formula.Single(0.05), "step": formula.Single(3),
			"rows": formula.Single(float64(rows)), "columns": formula.Single(float64(columns)),
		}
		state := zeros(stateKind(rule.States[0].Shape, kind), rows, columns)
		names["m"] = sample(state.Rows, state.Columns)
		next := rule.States[0].Next.Evaluate(names, iterating)
		names["next.m"] = next.Result()
		value := rule.Value.Evaluate(names, iterating)
		if !tame(next) || !tame(value) {
			continue
		}
		compared++
		o := &Formula{LearningRate: 0.1, AdamW: newAdamW(), Rules: []Rule{rule}}
		out := execute(t, one(o, p), []float32{2}, []float32{0.5}, float32s(names["value"]), float32s(names["gradient"]), float32s(names["m"]))
		for i, want := range []formula.Grid{value.Result(), next.Result()} {
			for k, got := range out[i] {
				along := []int{columns, state.Columns}[i]
				if w := want.At(k/along, k%along); !(math.Abs(float64(got)-w) <= 1e-4*(1+math.Abs(w))) {
					t.Errorf("rule %s of %v with value = %s and next = %s: element %d of %s is %v, want %v",
						rule.On, p.Shape, rule.Value, rule.States[0].Next, k, []string{"value", "m"}[i], got, w)
					break
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d rules were compared", compared)
	}
}

func tame(e *formula.Evaluation) bool {
	for _, g := range e.Values {
		for _, v := range g.Values {
			if !(math.Abs(v) < 50) {
				return false
			}
		}
	}
	return true
}

func float32s(g formula.Grid) []float32 {
	out := make([]float32, len(g.Values))
	for i, v := range g.Values {
		out[i] = float32(v)
	}
	return out
}
