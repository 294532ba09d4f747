package kernels

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// form is how a value of a group lies over its rows.
type form int

const (
	single form = iota + 1 // one number
	column                 // a number for each row
	full                   // rows of numbers
	total                  // one number of all rows, at the end
	pieces                 // rows of several values side by side, at the end
)

// group is a set of nodes computed together, a block of rows at a time, while
// the block is in the cache. All its values are seen as rows of one width.
type group struct {
	rows, width int
	members     []*node
	forms       map[*node]form
}

// operand is what a member reads: a node's result, as rows.
type operand struct {
	base *node
	form form
	at   int
	rows []part // where rows begin, or the elements of a column
}

// grouping is the search for groups.
type grouping struct {
	*rewriting
	of map[*node]*group

	// By the nodes' indices, which are their places in the graph's order.
	reads   [][]*node // what each is computed from, past what only rearranges
	visited []int     // the search that came by last
	inside  []int     // the search of whose group it is a member
	search  int
}

// group finds sets of element-wise operations, and of sums and maxima along
// rows, to be computed together: those that feed each other, as long as nothing
// outside needs one member and is needed by another.
func (g *rewriting) group() {
	f := &grouping{rewriting: g, of: map[*node]*group{}, reads: make([][]*node, len(g.live)), visited: make([]int, len(g.live)), inside: make([]int, len(g.live))}
	for i, n := range g.live {
		n.Index = i
		for _, in := range n.Inputs {
			base, _ := g.seen(in)
			f.reads[i] = append(f.reads[i], base)
		}
	}
	var all []*group
	for _, n := range g.live {
		if !f.joins(n) {
			if alone, ok := f.alone(n); ok {
				f.of[n] = alone
				all = append(all, alone)
			}
		}
	}
	all = slices.DeleteFunc(all, func(s *group) bool { return f.of[s.members[0]] != s })
	f.sink()
	all = slices.DeleteFunc(all, func(s *group) bool { return len(s.members) == 0 })
	for _, s := range all {
		slices.SortFunc(s.members, func(a, b *node) int { return a.Index - b.Index })
	}
	f.programs(all)
}

// least is the number of elements below which a group is not worth it.
const least = 256

// alone is the group of a node that could not join any.
func (f *grouping) alone(n *node) (*group, bool) {
	if !groupable(n) {
		return nil, false
	}
	shaped := n
	if n.OpType == compute.OpTypeReduceSum || n.OpType == compute.OpTypeReduceMax || n.OpType == opPieces {
		shaped = n.Inputs[0]
	}
	width := lastAxis(shaped)
	if width < 2 || shaped.Shape.Size() < least {
		return nil, false
	}
	return f.union(n, &group{rows: shaped.Shape.Size() / width, width: width})
}

// lastAxis is the size of the last axis that is not 1.
func lastAxis(n *node) int {
	for i := n.Shape.Rank() - 1; i >= 0; i-- {
		if d := n.Shape.Dimensions[i]; d > 1 {
			return d
		}
	}
	return 1
}

// joins adds a node to the groups of what it reads: to all of them as one, or
// else to the latest that takes it.
func (f *grouping) joins(n *node) bool {
	if !groupable(n) {
		return false
	}
	var near []*group
	for _, base := range f.reads[n.Index] {
		if s := f.of[base]; s != nil && !slices.Contains(near, s) {
			near = append(near, s)
		}
	}
	try := func(s ...*group) bool {
		union, ok := f.union(n, s...)
		if !ok || len(s) == 0 || f.around(union) {
			return false
		}
		*s[0] = *union
		for _, m := range union.members {
			f.of[m] = s[0]
		}
		return true
	}
	if len(near) > 1 && try(near...) {
		return true
	}
	slices.SortFunc(near, func(a, b *group) int {
		return b.members[len(b.members)-1].Index - a.members[len(a.members)-1].Index
	})
	for _, s := range near {
		if try(s) {
			return true
		}
	}
	return false
}

// union is some groups and a node as one; ok is false where they do not fit.
func (f *grouping) union(n *node, groups ...*group) (*group, bool) {
	s := &group{rows: groups[0].rows, width: groups[0].width, forms: map[*node]form{}}
	for _, other := range groups {
		if other.rows != s.rows || other.width != s.width {
			return nil, false
		}
		s.members = append(s.members, other.members...)
		for m, form := range other.forms {
			s.forms[m] = form
		}
	}
	// The others may read each other in a way that is not row by row.
	if len(groups) > 1 {
		for _, m := range s.members {
			if form, _, ok := f.fits(m, s); !ok || form != s.forms[m] {
				return nil, false
			}
		}
	}
	form, _, ok := f.fits(n, s)
	if !ok {
		return nil, false
	}
	s.members = append(s.members, n)
	s.forms[n] = form
	return s, true
}

// around says whether something outside of a group needs one member and is
// needed by another. Other groups count as one each.
func (f *grouping) around(s *group) bool {
	f.search++
	for _, m := range s.members {
		f.inside[m.Index] = f.search
	}
	var reaches func(n *node) bool
	into := func(n *node) bool { return slices.ContainsFunc(f.reads[n.Index], reaches) }
	reaches = func(n *node) bool {
		switch {
		case f.inside[n.Index] == f.search:
			return true
		case f.visited[n.Index] == f.search:
			return false
		}
		f.visited[n.Index] = f.search
		other := f.of[n]
		if other == nil {
			return into(n)
		}
		for _, m := range other.members {
			f.visited[m.Index] = f.search
		}
		return slices.ContainsFunc(other.members, func(m *node) bool { return f.inside[m.Index] != f.search && into(m) })
	}
	return slices.ContainsFunc(s.members, func(m *node) bool {
		return slices.ContainsFunc(f.reads[m.Index], func(base *node) bool { return f.inside[base.Index] != f.search && reaches(base) })
	})
}

// groupable says whether a node's operation can be in a group at all.
func groupable(n *node) bool {
	if !isFloat(n) {
		return false
	}
	switch op := n.OpType; op {
	case compute.OpTypeReduceSum, compute.OpTypeReduceMax:
		return isFloat(n.Inputs[0])
	case compute.OpTypeConvertDType:
		equal := n.Inputs[0]
		return equal.OpType == compute.OpTypeEqual && equal.Inputs[0].Shape.DType == dtypes.Int32 && equal.Inputs[1].Shape.DType == dtypes.Int32
	case opPieces:
		return true
	default:
		return unaries[op] != nil || binaries[op] != nil
	}
}

// fits says whether a node can be computed by the rows of a group, in which
// form, and what it reads.
func (f *grouping) fits(n *node, s *group) (form, []operand, bool) {
	switch n.OpType {
	case compute.OpTypeReduceSum, compute.OpTypeReduceMax:
		x := n.Inputs[0]
		axes, rank := n.Data.([]int), x.Shape.Rank()
		o, ok := f.operand(x, x.Shape.Dimensions, s)
		if !ok || o.form != full {
			return 0, nil, false
		}
		switch {
		case len(axes) == 1 && axes[0] == rank-1 && x.Shape.Dimensions[rank-1] == s.width:
			return column, []operand{o}, true
		case n.OpType == compute.OpTypeReduceSum && (len(axes) == 0 || len(axes) == rank):
			return total, []operand{o}, true
		}
		return 0, nil, false
	case compute.OpTypeConvertDType:
		n = n.Inputs[0]
		operands, ok := f.operands(n, s)
		if !ok || operands[0].form != column || operands[1].form != full || stride(operands[1].rows) != 0 {
			return 0, nil, false
		}
		return full, operands, true
	case opPieces:
		operands := make([]operand, len(n.Inputs))
		for i, in := range n.Inputs {
			var ok bool
			if operands[i], ok = f.operand(in, in.Shape.Dimensions, s); !ok || operands[i].form != full {
				return 0, nil, false
			}
		}
		return pieces, operands, true
	}
	operands, ok := f.operands(n, s)
	if !ok {
		return 0, nil, false
	}
	widest := single
	for _, o := range operands {
		widest = max(widest, o.form)
	}
	return widest, operands, widest > single
}

// stride is how far rows are apart, -1 where that is not one number.
func stride(rows []part) int {
	switch {
	case len(rows) == 0:
		return 0
	case len(rows) == 1:
		return rows[0].stride
	}
	return -1
}

func (f *grouping) operands(n *node, s *group) ([]operand, bool) {
	out := make([]operand, len(n.Inputs))
	for i, in := range n.Inputs {
		var ok bool
		if out[i], ok = f.operand(in, n.Shape.Dimensions, s); !ok {
			return nil, false
		}
	}
	return out, true
}

// operand sees a node's result, repeated to a shape, by the rows of a group.
func (f *grouping) operand(x *node, dims []int, s *group) (operand, bool) {
	base, v := f.seen(x)
	if base.Shape.Size() == 1 {
		return operand{base: base, form: single}, s.forms[base] == 0
	}
	o, ok := byRows(base, repeated(v, x, dims), s)
	inside := s.forms[base]
	if inside == 0 {
		if !ok && base != x && f.of[x] == nil {
			return byRows(x, repeated(contiguous(x.Shape.Dimensions), x, dims), s)
		}
		return o, ok
	}
	// A member is read in its own order.
	switch step := stride(o.rows); {
	case !ok || o.at != 0 || s.rows > 1 && step < 0:
		return operand{}, false
	case inside == full && o.form == full:
		return o, s.rows == 1 || step == s.width
	case inside == column && base.Shape.Size() == s.rows && o.form == column:
		return o, s.rows == 1 || step == 1
	case inside == column && base.Shape.Size() != s.rows && (s.rows == 1 || step == s.width):
		return operand{base: base, form: column}, true
	}
	return operand{}, false
}

// repeated is the view of an operand over the shape of a result.
func repeated(v view, x *node, dims []int) view {
	places := make([]int, x.Shape.Rank())
	for i := range places {
		places[i] = i
	}
	return v.broadcast(dims, places)
}

// byRows splits a view into rows.
func byRows(base *node, v view, s *group) (operand, bool) {
	n := 1
	for _, axis := range v.axes {
		n *= size(axis)
	}
	if n == s.rows {
		return operand{base, column, v.at, joined(v.axes...)}, true
	}
	if n != s.rows*s.width {
		return operand{}, false
	}
	v, ok := v.reshape([]int{s.rows, s.width})
	if !ok || len(v.axes[1]) != 1 {
		return operand{}, false
	}
	switch v.axes[1][0].stride {
	case 0:
		return operand{base, column, v.at, v.axes[0]}, true
	case 1:
		return operand{base, full, v.at, v.axes[0]}, true
	}
	return operand{}, false
}
