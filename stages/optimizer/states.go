package optimizer

import "ablate/stages/internal/ml"

// shaped is an Optimizer with states that do not have their parameter's shape.
type shaped interface {
	// StateShape is the shape of one of a parameter's states.
	StateShape(p ml.Param, state string) []int
}

// States declares the tensors that a rule keeps for a parameter, in the order of
// State.
func States(o Optimizer, p ml.Param) []ml.Param {
	var out []ml.Param
	for _, name := range o.State(p) {
		shape := p.Shape
		if s, ok := o.(shaped); ok {
			shape = s.StateShape(p, name)
		}
		out = append(out, ml.Param{Path: p.Path + "." + name, Shape: shape, Role: ml.RoleBuffer})
	}
	return out
}
