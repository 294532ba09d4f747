package fuse

import (
	"slices"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

// rematerialize moves members that only one other group reads into that group, if
// their operands are kept anyway. What only the backward pass needs of the forward
// pass is then computed there, and is not written to memory and read again.
func (p *Partition) rematerialize() {
	readers := p.Readers()
	for i := len(p.Live) - 1; i >= 0; i-- {
		n := p.Live[i]
		from := p.Of[n]
		if from == nil || p.results[n] || from.Kinds[n] > simd.Tile || len(readers[n]) == 0 {
			continue
		}
		to := p.Of[readers[n][0]]
		if to == nil || to == from {
			continue
		}
		if moved, ok := p.movable(n, from, to, readers, nil); ok {
			p.move(moved, from, to)
		}
	}
}

// move moves members from one group to another, if that is legal.
func (p *Partition) move(members []*hook.Node, from, to *Group) {
	union := to
	for _, m := range members {
		var ok bool
		if union, ok = p.union(m, union); !ok {
			return
		}
	}
	// A member may read one that moved in another order than that of rows.
	for _, m := range union.Members {
		if kind, _, ok := p.legal(m, union); !ok || kind != union.Kinds[m] {
			return
		}
	}
	if !p.convex(union) {
		return
	}
	*to = *union
	from.Members = slices.DeleteFunc(from.Members, func(m *hook.Node) bool { return slices.Contains(members, m) })
	for _, m := range members {
		p.Of[m] = to
		delete(from.Kinds, m)
	}
}

// movable returns the members that move with n to another group, in the order of
// computation. It reports false if something more would have to be kept.
func (p *Partition) movable(n *hook.Node, from, to *Group, readers map[*hook.Node][]*hook.Node, moving []*hook.Node) (_ []*hook.Node, ok bool) {
	stays := func(r *hook.Node) bool { return p.Of[r] != to && !slices.Contains(moving, r) }
	if isReduction(n) || from.Rows != to.Rows || from.Width != to.Width || slices.ContainsFunc(readers[n], stays) {
		return nil, false
	}
	moving = append(moving, n)
	readElsewhere := func(r *hook.Node) bool { return p.Of[r] != from }
	var moved []*hook.Node
	for _, o := range p.Operands(n, from) {
		if from.Kinds[o.Source] != simd.Tile || slices.Contains(moved, o.Source) || slices.ContainsFunc(readers[o.Source], readElsewhere) {
			continue
		}
		more, ok := p.movable(o.Source, from, to, readers, moving)
		if !ok {
			return nil, false
		}
		moved = append(moved, more...)
	}
	return append(moved, n), true
}

// Readers lists the readers of each node that the outputs need.
func (p *Partition) Readers() map[*hook.Node][]*hook.Node {
	out, seen := map[*hook.Node][]*hook.Node{}, map[*hook.Node]bool{}
	var visit func(n *hook.Node)
	visit = func(n *hook.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, in := range p.reads(n) {
			if !slices.Contains(out[in], n) {
				out[in] = append(out[in], n)
			}
			visit(in)
		}
	}
	for _, n := range *p.outputs {
		visit(n)
	}
	return out
}

// reads returns the nodes that a node reads: the sources of a member's operands,
// the inputs of another node.
func (p *Partition) reads(n *hook.Node) []*hook.Node {
	s := p.Of[n]
	if s == nil {
		return n.Inputs
	}
	var sources []*hook.Node
	for _, o := range p.Operands(n, s) {
		sources = append(sources, o.Source)
	}
	return sources
}
