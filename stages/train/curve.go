package train

import (
	"fmt"
	"math"
	"sync"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/internal/ml"
)

// Curve is schedule "formula".
type Curve struct {
	Let        *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates: names for parts of the formula. The names enter no key."`
	Multiplier formula.Formula `hcl:"multiplier" doc:"The factor at a step: a formula of step, which counts from 0, and steps."`
}

// FormulaNames implements spec.FormulaNamer.
func (c *Curve) FormulaNames() []string { return []string{"step", "steps"} }

func (c *Curve) validate(steps int) diag.List {
	path := diag.Path{"schedule", "multiplier"}
	number := formula.Type{Level: formula.Step}
	kind, list := c.Multiplier.Check(path, formula.Scope{
		Place: "a schedule", Names: map[string]formula.Type{"step": number, "steps": number}, Functions: formula.Clock, Computed: formula.Step,
	})
	if len(list) > 0 {
		return list
	}
	if kind.IsTruth {
		return diag.Errorf(path, "Wrong type", "multiplier must be a number, and this is a truth value.")
	}
	if problem := c.firstProblem(steps); problem != "" {
		return diag.Errorf(path, "Out of range", "%s", problem)
	}
	return nil
}

// problems has what is wrong with a formula over a number of steps. It is the cache
// of a pure function: the trials of a matrix share their schedule.
var problems sync.Map

// firstProblem names the first step whose factor is unusable, "" where there is none.
func (c *Curve) firstProblem(steps int) string {
	key := fmt.Sprintf("%d %s", steps, c.Multiplier)
	if known, ok := problems.Load(key); ok {
		return known.(string)
	}
	problem, largest := "", 0.0
	for t := 0; t < steps && problem == ""; t++ {
		v := c.at(t, steps)
		largest = max(largest, v)
		switch single := float32(v); {
		case math.IsNaN(v) || math.IsInf(float64(single), 0):
			problem = fmt.Sprintf("multiplier is %v at step %d of %d. It must be a finite number at every step.", v, t, steps)
		case v < 0:
			problem = fmt.Sprintf("multiplier is %v at step %d of %d. Below 0, the optimizer would climb.", v, t, steps)
		}
	}
	if problem == "" && largest == 0 {
		problem = "multiplier is 0 at every step, so that nothing would be learnt."
	}
	problems.Store(key, problem)
	return problem
}

// at computes the factor of a step in float64, operation by operation, so that every
// machine computes the same.
func (c *Curve) at(t, steps int) float64 {
	nodes := c.Multiplier.Nodes
	values := make([]float64, len(nodes))
	for i, n := range nodes {
		x := make([]float64, len(n.Args))
		for j, a := range n.Args {
			x[j] = values[a]
		}
		switch n.Op {
		case "number", "truth":
			values[i] = n.Number
		case "name":
			values[i] = map[string]float64{"step": float64(t), "steps": float64(steps)}[n.Name]
		case "where":
			values[i] = x[int(2-x[0])]
		case "cos":
			values[i] = cosine(x[0])
		case "pow":
			values[i] = power(x[0], int(x[1]))
		default:
			v, _, ok := formula.Exact(n.Op, x)
			if !ok {
				panic("train: a schedule cannot compute " + n.Op)
			}
			values[i] = v
		}
	}
	return values[len(values)-1]
}

// cosine is the cosine of any number of radians.
func cosine(x float64) float64 {
	x = math.Abs(x)
	if x > 4 {
		x -= float64(math.Floor(x/(2*math.Pi)) * (2 * math.Pi))
		if x > math.Pi {
			x = 2*math.Pi - x
		}
	}
	return ml.Cos(x)
}

// power is x to the power of n, product by product.
func power(x float64, n int) float64 {
	v := 1.0
	for range max(n, -n) {
		v = float64(v * x)
	}
	if n < 0 {
		return 1 / v
	}
	return v
}
