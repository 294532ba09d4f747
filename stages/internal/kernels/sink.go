package kernels

import (
	"slices"

	"github.com/gomlx/compute"
)

// sink moves members that only one other group reads into it, when all they are
// computed from is kept, or cheap: what the gradient alone needs of the forward
// pass is computed in the backward pass, without being written and read again.
func (f *grouping) sink() {
	readers := f.readers()
	for i := len(f.live) - 1; i >= 0; i-- {
		n := f.live[i]
		from := f.of[n]
		if from == nil || f.out[n] || from.forms[n] > full || len(readers[n]) == 0 {
			continue
		}
		to := f.of[readers[n][0]]
		if to == nil || to == from {
			continue
		}
		moved, ok := f.follows(n, from, to, readers, nil)
		if !ok {
			continue
		}
		union, ok := to, true
		for _, m := range moved {
			if union, ok = f.union(m, union); !ok {
				break
			}
		}
		if !ok || f.around(union) {
			continue
		}
		*to = *union
		from.members = slices.DeleteFunc(from.members, func(m *node) bool { return slices.Contains(moved, m) })
		for _, m := range moved {
			f.of[m] = to
			delete(from.forms, m)
		}
	}
}

// follows lists what goes along when a node moves to another group, in the order
// of computation; ok is false when something more would have to be kept.
func (f *grouping) follows(n *node, from, to *group, readers map[*node][]*node, moving []*node) (_ []*node, ok bool) {
	stays := func(r *node) bool { return f.of[r] != to && !slices.Contains(moving, r) }
	if isSum(n) || from.rows != to.rows || from.width != to.width || slices.ContainsFunc(readers[n], stays) {
		return nil, false
	}
	_, operands, _ := f.fits(n, from)
	moving = append(moving, n)
	var moved []*node
	for _, o := range operands {
		if from.forms[o.base] != full || slices.Contains(moved, o.base) || slices.ContainsFunc(readers[o.base], func(r *node) bool { return f.of[r] != from }) {
			continue
		}
		more, ok := f.follows(o.base, from, to, readers, moving)
		if !ok {
			return nil, false
		}
		moved = append(moved, more...)
	}
	return append(moved, n), true
}

func isSum(n *node) bool {
	return n.OpType == compute.OpTypeReduceSum || n.OpType == compute.OpTypeReduceMax
}

// readers lists the nodes that read each node, as far as the outputs need them.
func (f *grouping) readers() map[*node][]*node {
	out, seen := map[*node][]*node{}, map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		inputs := n.Inputs
		if s := f.of[n]; s != nil {
			inputs = nil
			_, operands, _ := f.fits(n, s)
			for _, o := range operands {
				inputs = append(inputs, o.base)
			}
		}
		for _, in := range inputs {
			if !slices.Contains(out[in], n) {
				out[in] = append(out[in], n)
			}
			visit(in)
		}
	}
	for _, n := range *f.outputs {
		visit(n)
	}
	return out
}
