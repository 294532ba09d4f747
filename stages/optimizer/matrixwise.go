package optimizer

import (
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// matrixwise is what Muon and its descendants have in common: the momentum of
// hidden matrices is orthogonalized, and AdamW has the rest.
type matrixwise struct {
	momentum momentum
	schulz   newtonSchulz
	splitQKV bool
	rest     *AdamW
}

// finish makes the new value of hidden matrix i, and what it keeps beside the
// momentum, from the orthogonalized direction of each of its parts.
type finish func(i int, directions []*Node) (value *Node, kept []*Node)

// updateAll is Joint's, with matrices as finish has them.
func (m matrixwise) updateAll(params []ml.Param, values, grads []*Node, states [][]*Node, at Clock, f finish) ([]*Node, [][]*Node) {
	newValues, newStates := make([]*Node, len(params)), make([][]*Node, len(params))
	var directions []*Node
	for i, p := range params {
		if p.Role != ml.RoleMatrix {
			newValues[i], newStates[i] = m.rest.Update(p, values[i], grads[i], states[i], at)
			continue
		}
		direction, average := m.momentum.apply(grads[i], states[i][0])
		newStates[i] = []*Node{average}
		directions = append(directions, split(direction, m.parts(p))...)
	}
	directions = m.schulz.each(directions)
	for i, p := range params {
		if p.Role != ml.RoleMatrix {
			continue
		}
		parts := m.parts(p)
		value, kept := f(i, directions[:parts])
		newValues[i], newStates[i] = value, append(newStates[i], kept...)
		directions = directions[parts:]
	}
	return newValues, newStates
}

// parts is how many matrices are orthogonalized in the place of one.
func (m matrixwise) parts(p ml.Param) int {
	if m.splitQKV {
		return max(p.Parts, 1)
	}
	return 1
}

// scratch is Working's: of the largest stack, or matrix, the direction, X before
// and after an iteration, A and its polynomial.
func (m matrixwise) scratch(params []ml.Param) int64 {
	type shape struct{ short, long int64 }
	stacks, most := make(map[shape]int64), int64(0)
	element := int64(4)
	if m.schulz.half {
		element = 2
	}
	for _, p := range params {
		if p.Role != ml.RoleMatrix {
			continue
		}
		parts := m.parts(p)
		rows, cols := int64(p.Shape[0]/parts), int64(p.Shape[1])
		s, count := shape{min(rows, cols), max(rows, cols)}, int64(1)
		if m.schulz.batched {
			stacks[s] += int64(parts)
			count = stacks[s]
		}
		most = max(most, count*s.short*(4*s.long+element*2*(s.long+s.short)))
	}
	return most
}
