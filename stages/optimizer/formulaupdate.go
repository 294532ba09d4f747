package optimizer

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/formula"
	"ablate/stages/internal/express"
	"ablate/stages/internal/ml"
)

// Update implements Optimizer.
func (f *Formula) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	values, states := f.UpdateAll([]ml.Param{p}, []*Node{value}, []*Node{grad}, [][]*Node{state}, at)
	return values[0], states[0]
}

// UpdateAll implements joint. The parameters of a rule are computed side by side.
func (f *Formula) UpdateAll(params []ml.Param, values, grads []*Node, states [][]*Node, at Clock) ([]*Node, [][]*Node) {
	newValues, newStates := make([]*Node, len(params)), make([][]*Node, len(params))
	groups := make(map[*Rule]*group)
	var order []*group
	for i, p := range params {
		r := f.rule(p.Role)
		if r == nil {
			newValues[i], newStates[i] = f.AdamW.Update(p, values[i], grads[i], states[i], at)
			continue
		}
		if groups[r] == nil {
			groups[r] = &group{rule: r}
			order = append(order, groups[r])
		}
		groups[r].add(i, p, values[i], grads[i], states[i], at.rate(p, f.LearningRate))
	}
	for _, g := range order {
		g.update(at, newValues, newStates)
	}
	return newValues, newStates
}

// group is the parameters of one rule, each in a lane, or in several where it is
// taken apart.
type group struct {
	rule  *Rule
	lanes []lane
}

// lane is a parameter, or one part of it.
type lane struct {
	index       int // of the parameter
	kind        formula.Type
	parts       int // that orthogonalization takes it apart into
	value, grad *Node
	rate        *Node
	states      []*Node
}

func (g *group) add(i int, p ml.Param, value, grad *Node, states []*Node, rate *Node) {
	n := g.rule.parts(p)
	own := lane{index: i, kind: kindOf(p.Role), parts: max(1, p.Parts/n), rate: rate}
	values, grads := split(value, n), split(grad, n)
	for part := range n {
		l := own
		l.value, l.grad = values[part], grads[part]
		for _, s := range states {
			l.states = append(l.states, split(s, n)[part])
		}
		g.lanes = append(g.lanes, l)
	}
}

// kindOf is the type of the parameters of a role.
func kindOf(role ml.Role) formula.Type {
	switch role {
	case ml.RoleVector:
		return formula.Width
	case ml.RoleScalar:
		return formula.Scalar
	}
	return formula.Element
}

// stateKind is the type of a state of a parameter.
func stateKind(shape string, parameter formula.Type) formula.Type {
	if parameter != formula.Element {
		return parameter
	}
	switch shape {
	case perRow:
		return formula.Row
	case perColumn:
		return formula.Width
	case squareLeft:
		return formula.Left
	case squareRight:
		return formula.Right
	}
	return parameter
}

// update computes the rule for all lanes, and puts parts together again.
func (g *group) update(at Clock, newValues []*Node, newStates [][]*Node) {
	b := express.New(g.lanes[0].value.Graph(), len(g.lanes), formula.Step)
	b.Joint = map[string]express.Joint{"newton_schulz": g.orthogonal("quintic"), "polar_express": g.orthogonal("polar-express")}
	step := AddScalar(ConvertDType(at.Step, dtypes.Float64), 1)
	b.Names["step"] = []express.Value{express.Tensor(formula.Type{Level: formula.Step}, step)}
	for _, l := range g.lanes {
		g.bind(b, l)
		b.Elements = append(b.Elements, append([]int{1, 1}, l.value.Shape().Dimensions...)[l.value.Rank():])
	}
	next := make([][]express.Value, len(g.rule.States))
	for _, i := range g.rule.order() {
		s := g.rule.States[i]
		next[i] = b.Build(s.Next)
		b.Names["next."+s.Name] = next[i]
	}
	value := b.Build(g.rule.Value)
	for from := 0; from < len(g.lanes); {
		i, to := g.lanes[from].index, from
		for to < len(g.lanes) && g.lanes[to].index == i {
			to++
		}
		whole := func(values []express.Value, old func(lane) *Node) *Node {
			var parts []*Node
			for at := from; at < to; at++ {
				parts = append(parts, likeOld(express.Lane(values, at).Float32(b.Graph), old(g.lanes[at])))
			}
			return joined(parts)
		}
		newValues[i] = whole(value, func(l lane) *Node { return l.value })
		for n := range next {
			newStates[i] = append(newStates[i], whole(next[n], func(l lane) *Node { return l.states[n] }))
		}
		from = to
	}
}

// likeOld gives a new value the shape of the old one. A formula may be a single number
// for some parameters, where a condition is one of their rows and columns.
func likeOld(x, old *Node) *Node {
	if x.Shape().Equal(old.Shape()) {
		return x
	}
	return BroadcastToDims(x, old.Shape().Dimensions...)
}

// bind adds the values of a lane to the names that formulas read.
func (g *group) bind(b *express.Builder, l lane) {
	add := func(name string, v express.Value) { b.Names[name] = append(b.Names[name], v) }
	add("value", express.Tensor(l.kind, l.value))
	add("gradient", express.Tensor(l.kind, l.grad))
	add("learning_rate", express.Tensor(formula.Type{Level: formula.Step}, l.rate))
	for i, s := range g.rule.States {
		add(s.Name, express.Tensor(stateKind(s.Shape, l.kind), l.states[i]))
	}
	rows, columns := 1, 1
	if d := l.value.Shape().Dimensions; len(d) > 0 {
		columns = d[len(d)-1]
		if len(d) > 1 {
			rows = d[0] / l.parts
		}
	}
	add("rows", express.Number(float64(rows)))
	add("columns", express.Number(float64(columns)))
}

// orthogonal orthogonalizes the matrices of all lanes together, each part by itself.
func (g *group) orthogonal(coefficients string) express.Joint {
	return func(args [][]express.Value) []express.Value {
		graph := g.lanes[0].value.Graph()
		var matrices []*Node
		for i, l := range g.lanes {
			matrices = append(matrices, split(express.Lane(args[0], i).Float32(graph), l.parts)...)
		}
		n := int(args[1][0].Number)
		matrices = newtonSchulz{iterations: n, coefficients: coefficients}.each(matrices)
		out := make([]express.Value, len(g.lanes))
		for i, l := range g.lanes {
			out[i] = express.Tensor(express.Lane(args[0], i).Type, joined(matrices[:l.parts]))
			matrices = matrices[l.parts:]
		}
		return out
	}
}
