package fuse

import (
	"maps"
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

// minGroup is the number of elements below which a group is not worth its
// overhead.
const minGroup = 256

// Group is a set of nodes that are computed together. All its values are seen as
// rows of one width.
type Group struct {
	Rows, Width int
	Members     []*hook.Node // in an order of execution
	Kinds       map[*hook.Node]simd.Kind
}

// Has reports whether n is a member.
func (s *Group) Has(n *hook.Node) bool { return s.Kinds[n] != 0 }

// last returns the member that is computed last.
func (s *Group) last() *hook.Node { return s.Members[len(s.Members)-1] }

// Partition divides a graph into groups and the nodes outside of them.
type Partition struct {
	*Graph
	Groups []*Group
	Of     map[*hook.Node]*Group // nil for nodes outside

	// By the index of a node, which is its position in Live.
	sources [][]*hook.Node // the nodes that compute its inputs, past rearrangements

	// The state of convexity checks: the number of the last check that visited a
	// node, or had it in the group.
	visited, inside []int
	check           int
}

// NewPartition fuses element-wise operations with reductions of rows that feed each
// other.
func NewPartition(g *Graph) *Partition {
	n := len(g.Live)
	p := &Partition{Graph: g, Of: map[*hook.Node]*Group{}, sources: make([][]*hook.Node, n), visited: make([]int, n), inside: make([]int, n)}
	for i, n := range g.Live {
		n.Index = i
		for _, in := range n.Inputs {
			source, _ := g.View(in)
			p.sources[i] = append(p.sources[i], source)
		}
	}
	for _, n := range g.Live {
		if p.join(n) {
			continue
		}
		if alone, ok := p.single(n); ok {
			p.Of[n] = alone
			p.Groups = append(p.Groups, alone)
		}
	}
	p.Groups = slices.DeleteFunc(p.Groups, func(s *Group) bool { return p.Of[s.Members[0]] != s }) // those merged into others
	p.rematerialize()
	p.Groups = slices.DeleteFunc(p.Groups, func(s *Group) bool { return len(s.Members) == 0 })
	for _, s := range p.Groups {
		slices.SortFunc(s.Members, func(a, b *hook.Node) int { return a.Index - b.Index })
	}
	return p
}

// single returns a group of one node.
func (p *Partition) single(n *hook.Node) (*Group, bool) {
	if !fusible(n) {
		return nil, false
	}
	shaped := n
	if isReduction(n) || n.OpType == hook.OpConcat {
		shaped = n.Inputs[0]
	}
	width := lastExtent(shaped)
	if width < 2 || shaped.Shape.Size() < minGroup {
		return nil, false
	}
	return p.union(n, &Group{Rows: shaped.Shape.Size() / width, Width: width})
}

// lastExtent returns the extent of the last axis that is not 1.
func lastExtent(n *hook.Node) int {
	for i := n.Shape.Rank() - 1; i >= 0; i-- {
		if d := n.Shape.Dimensions[i]; d > 1 {
			return d
		}
	}
	return 1
}

// join adds a node to the groups that compute its inputs: to all of them, merged,
// or else to the latest that can take it.
func (p *Partition) join(n *hook.Node) bool {
	if !fusible(n) {
		return false
	}
	var feeding []*Group
	for _, source := range p.sources[n.Index] {
		if s := p.Of[source]; s != nil && !slices.Contains(feeding, s) {
			feeding = append(feeding, s)
		}
	}
	if len(feeding) > 1 && p.merge(n, feeding...) {
		return true
	}
	slices.SortFunc(feeding, func(a, b *Group) int { return b.last().Index - a.last().Index })
	return slices.ContainsFunc(feeding, func(s *Group) bool { return p.merge(n, s) })
}

// merge makes the groups and a node one group, which takes the place of the first,
// if that is legal.
func (p *Partition) merge(n *hook.Node, groups ...*Group) bool {
	union, ok := p.union(n, groups...)
	if !ok || !p.convex(union) {
		return false
	}
	*groups[0] = *union
	for _, m := range union.Members {
		p.Of[m] = groups[0]
	}
	return true
}

// union returns the groups and a node as one group. It reports false where that
// is not legal.
func (p *Partition) union(n *hook.Node, groups ...*Group) (*Group, bool) {
	s := &Group{Rows: groups[0].Rows, Width: groups[0].Width, Kinds: map[*hook.Node]simd.Kind{}}
	for _, other := range groups {
		if other.Rows != s.Rows || other.Width != s.Width {
			return nil, false
		}
		s.Members = append(s.Members, other.Members...)
		maps.Copy(s.Kinds, other.Kinds)
	}
	if len(groups) > 1 {
		// A group may read another in an order that is not that of rows.
		for _, m := range s.Members {
			if kind, _, ok := p.legal(m, s); !ok || kind != s.Kinds[m] {
				return nil, false
			}
		}
	}
	kind, _, ok := p.legal(n, s)
	if !ok {
		return nil, false
	}
	s.Members = append(s.Members, n)
	s.Kinds[n] = kind
	return s, true
}

// convex reports whether nothing outside of a group depends on one member and
// feeds another. Other groups count as one node each.
func (p *Partition) convex(s *Group) bool {
	p.check++
	for _, m := range s.Members {
		p.inside[m.Index] = p.check
	}
	outside := func(n *hook.Node) bool { return p.inside[n.Index] != p.check }
	var reaches func(n *hook.Node) bool
	depends := func(n *hook.Node) bool { return slices.ContainsFunc(p.sources[n.Index], reaches) }
	reaches = func(n *hook.Node) bool {
		switch {
		case !outside(n):
			return true
		case p.visited[n.Index] == p.check:
			return false
		}
		p.visited[n.Index] = p.check
		other := p.Of[n]
		if other == nil {
			return depends(n)
		}
		for _, m := range other.Members {
			p.visited[m.Index] = p.check
		}
		return slices.ContainsFunc(other.Members, func(m *hook.Node) bool { return outside(m) && depends(m) })
	}
	return !slices.ContainsFunc(s.Members, func(m *hook.Node) bool {
		return slices.ContainsFunc(p.sources[m.Index], func(source *hook.Node) bool { return outside(source) && reaches(source) })
	})
}

// Redirect lets nodes outside of groups, and the outputs of the graph, use the
// nodes that stand for members of groups.
func (p *Partition) Redirect(fresh map[*hook.Node]*hook.Node) {
	for _, n := range *p.nodes {
		if p.Of[n] != nil {
			continue
		}
		n.Inputs = slices.Clone(n.Inputs)
		for i, in := range n.Inputs {
			if out := fresh[in]; out != nil {
				n.Inputs[i] = out
			}
		}
	}
	for i, n := range *p.outputs {
		if out := fresh[n]; out != nil {
			(*p.outputs)[i] = out
		}
	}
}

// isReduction reports whether a node is a sum or a maximum.
func isReduction(n *hook.Node) bool {
	return n.OpType == compute.OpTypeReduceSum || n.OpType == compute.OpTypeReduceMax
}
