package lower

import (
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

// causal finds the groups that need to compute only what a causal mask lets through:
// the lower triangles of squares. Elements above the diagonals are never written, so
// only causal groups, and products that skip those elements, may read them.
type causal struct {
	*fuse.Partition
	triangles *fuse.Triangles
	readers   map[*hook.Node][]*hook.Node
	needed    map[*hook.Node]bool // outside of their groups
	groups    map[*fuse.Group]bool
}

// causalGroups returns the causal groups. Products that only they read get Ahead, and
// skip the rest.
func causalGroups(p *fuse.Partition, t *fuse.Triangles, needed map[*hook.Node]bool) map[*fuse.Group]bool {
	c := causal{p, t, p.Readers(), needed, map[*fuse.Group]bool{}}
	for _, s := range p.Groups {
		// Blocks of few elements, as of squares with a prime number of rows, would
		// take longer than whole squares.
		worth := rowsOfSquare(s.Width)*s.Width >= blockElements/4
		c.groups[s] = worth && ahead(s.Width) > 0 && c.computesTriangles(s)
	}
	// A group read by one that is not causal is not causal either.
	for changed := true; changed; {
		changed = false
		for _, s := range p.Groups {
			readElsewhere := func(m *hook.Node) bool { return c.needed[m] && s.Kinds[m] == simd.Tile && !c.readAsTriangle(m, s) }
			if c.groups[s] && slices.ContainsFunc(s.Members, readElsewhere) {
				c.groups[s], changed = false, true
			}
		}
	}
	c.leaveOut()
	return c.groups
}

// ahead returns how many columns ahead of the diagonal a causal group of this width
// reads, or 0 if there can be none.
func ahead(width int) int {
	return (&simd.Program{Width: width, RowsPerBlock: rowsOfSquare(width), Lower: true}).Ahead()
}

// rowsOfSquare returns the rows of a block that has rows of one square only.
func rowsOfSquare(width int) int {
	rows := max(1, blockElements/width)
	for width%rows != 0 {
		rows--
	}
	return rows
}

// computesTriangles reports whether a group needs only the lower triangles of squares
// to compute those of its own results.
func (c causal) computesTriangles(s *fuse.Group) bool {
	masked := false
	for _, m := range s.Members {
		if !c.legal(m, s) {
			return false
		}
		masked = masked || c.masked(m)
	}
	return masked
}

// legal is computesTriangles for one member: its rows are those of squares, in their
// order, and a sum or maximum of rows is over what a mask has made zero or hidden.
func (c causal) legal(m *hook.Node, s *fuse.Group) bool {
	for _, o := range c.Operands(m, s) {
		if o.Kind == simd.Tile && !inOrder(o, s.Width) {
			return false
		}
	}
	switch kind := s.Kinds[m]; {
	case m.OpType == hook.OpConcat, m.OpType == compute.OpTypeConvertDType, kind == simd.Reduction:
		return false
	case m.OpType == compute.OpTypeReduceSum:
		z, ok := c.triangles.Zero(m.Inputs[0])
		return ok && z == lastAxes(m.Inputs[0], s.Width)
	case m.OpType == compute.OpTypeReduceMax:
		h, ok := c.triangles.Hidden(m.Inputs[0])
		return ok && h == lastAxes(m.Inputs[0], s.Width)
	case kind == simd.PerRow:
		return m.Shape.Size() == s.Rows || !c.needed[m] // not written repeated over the row
	}
	last := lastAxes(m, s.Width)
	z, zero := c.triangles.Zero(m)
	h, hidden := c.triangles.Hidden(m)
	return last != fuse.Square{} && (!zero || z == last) && (!hidden || h == last)
}

// masked reports whether a causal mask applies to a node.
func (c causal) masked(n *hook.Node) bool {
	_, zero := c.triangles.Zero(n)
	_, hidden := c.triangles.Hidden(n)
	return zero || hidden
}

// inOrder reports whether an operand's rows are those of whole squares of this width.
func inOrder(o fuse.Operand, width int) bool {
	if len(o.Rows) == 0 {
		return false
	}
	last := o.Rows[len(o.Rows)-1]
	return o.Offset%(width*width) == 0 && last.Stride == width && last.Extent%width == 0
}

// lastAxes returns the last two axes of a node if they have this extent, else the zero
// square.
func lastAxes(n *hook.Node, extent int) fuse.Square {
	dims := n.Shape.Dimensions
	rank := len(dims)
	if rank < 2 || dims[rank-1] != extent || dims[rank-2] != extent {
		return fuse.Square{}
	}
	return fuse.Square{Row: rank - 2, Column: rank - 1}
}

// readAsTriangle reports whether all readers of a member leave out what is above the
// diagonal.
func (c causal) readAsTriangle(m *hook.Node, s *fuse.Group) bool {
	return !c.IsResult(m) && !slices.ContainsFunc(c.readers[m], func(reader *hook.Node) bool {
		if to := c.Of[reader]; to != nil {
			return to != s && !(c.groups[to] && to.Rows == s.Rows && to.Width == s.Width)
		}
		p, ok := reader.Data.(*Product)
		if !ok {
			return true
		}
		a, b := reader.Inputs[0], reader.Inputs[1]
		if p.Swapped {
			a, b = b, a
		}
		return b == m || a != m || p.Part != simd.LowerFactor && p.Part != simd.UpperFactor
	})
}

// leaveOut lets products whose results only causal groups read write only what these
// read.
func (c causal) leaveOut() {
	for n, readers := range c.readers {
		p, ok := n.Data.(*Product)
		// Squares lie in the result row by row, as the groups read them.
		if !ok || p.Part != simd.LowerResult || c.IsResult(n) || p.C.Row != p.N || slices.ContainsFunc(p.Batch, func(l simd.Loop) bool { return l.C%(p.N*p.N) != 0 }) {
			continue
		}
		most := 0
		for _, reader := range readers {
			to := c.Of[reader]
			if to == nil || !c.groups[to] || to.Width != p.N {
				most = 0
				break
			}
			most = ahead(to.Width)
		}
		p.Ahead = most
	}
}
