package optimizer

import . "github.com/gomlx/gomlx/core/graph"

// momentum is an average of gradients and the direction that is taken from it.
type momentum struct {
	decay    float64 // μ
	heavy    bool    // m ← μ m + g, else m ← μ m + (1 − μ) g
	nesterov bool    // look ahead: the new average once more
}

// apply returns the direction and the new average. Both forms point the same
// way when μ is constant and the average starts at zero.
func (m momentum) apply(grad, average *Node) (direction, next *Node) {
	fresh := grad
	if !m.heavy {
		fresh = MulScalar(grad, 1-m.decay)
	}
	next = Add(MulScalar(average, m.decay), fresh)
	if !m.nesterov {
		return next, next
	}
	return Add(fresh, MulScalar(next, m.decay)), next
}
