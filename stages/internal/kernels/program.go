package kernels

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// opGroup is an operation of the enumeration that the backend has no executor
// for; here it stands for a group, and has the results that others use.
const opGroup = compute.OpTypeCollectiveBroadcast

// blockSize is about how many elements of a value are computed at a time. It is
// part of the order in which totals add up.
const blockSize = 2048

// program is a group ready to run.
type program struct {
	rows, width int
	perBlock    int // rows
	feeds       []feed
	steps       []step
	results     []result
	fulls       int // registers of a block's size
	columns     int // registers of a number for each row
	scratch     sync.Pool
}

// feed is a way in which an input is read.
type feed struct {
	input  int
	form   form
	at     int
	rows   []part
	direct bool // as it lies; else it is copied to a register first
	to     int  // that register
}

// value is where an operand or a result of a step is.
type value struct {
	kind  place
	index int
	form  form
}

type place int

const (
	fed place = iota
	register
	written // in a result
)

// step computes one value of a block.
type step struct {
	op       compute.OpType
	unary    func(y, x []float32)
	binary   *arithmetic
	operands []value
	to       value
}

// result is an output of the node.
type result struct {
	shape  shapes.Shape
	form   form
	pieces []target // where they go
	reuse  []int    // inputs whose memory it may take over
}

// target is where the rows of a piece begin.
type target struct {
	at   int
	rows []part
}

// programming makes a program of a group.
type programming struct {
	*grouping
	s       *group
	p       *program
	inputs  []*node
	places  map[*node]value
	keys    map[string]int // feeds
	lastFed map[int]int    // the last step that reads an input
	shared  map[int]bool   // inputs that are read in another order than written
}

// programs replaces the members of groups that others use by the results of one
// node each.
func (f *grouping) programs(all []*group) {
	needed := f.needed()
	fresh := map[*node]*node{}
	for _, s := range all {
		outputs := slices.DeleteFunc(slices.Clone(s.members), func(m *node) bool { return !needed[m] })
		if len(outputs) == 0 {
			continue
		}
		p, inputs := f.program(s, outputs)
		n := f.add(outputs[0], opGroup, inputs, p)
		n.Shape = shapes.Invalid()
		for i, m := range outputs {
			out := f.add(m, opGroup, []*node{n}, nil)
			out.IsNodeSelectOutput, out.SelectOutputIdx = true, i
			n.MultiOutputsShapes = append(n.MultiOutputsShapes, m.Shape)
			n.MultiOutputsNodes = append(n.MultiOutputsNodes, out)
			fresh[m] = out
		}
	}
	for _, n := range *f.list {
		if f.of[n] != nil {
			continue
		}
		n.Inputs = slices.Clone(n.Inputs)
		for i, in := range n.Inputs {
			if out := fresh[in]; out != nil {
				n.Inputs[i] = out
			}
		}
	}
	for i, n := range *f.outputs {
		if out := fresh[n]; out != nil {
			(*f.outputs)[i] = out
		}
	}
}

// needed finds the members that are used outside of their groups.
func (f *grouping) needed() map[*node]bool {
	needed, seen, ran := map[*node]bool{}, map[*node]bool{}, map[*group]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		s := f.of[n]
		if s == nil {
			if !seen[n] {
				seen[n] = true
				for _, in := range n.Inputs {
					visit(in)
				}
			}
			return
		}
		needed[n] = true
		if ran[s] {
			return
		}
		ran[s] = true
		for _, m := range s.members {
			_, operands, _ := f.fits(m, s)
			for _, o := range operands {
				if s.forms[o.base] == 0 {
					visit(o.base)
				}
			}
		}
	}
	for _, n := range *f.outputs {
		visit(n)
	}
	return needed
}

// program writes the steps of what the outputs need, which are in the order of
// the members, and lists its inputs.
func (f *grouping) program(s *group, outputs []*node) (*program, []*node) {
	b := &programming{grouping: f, s: s, p: &program{rows: s.rows, width: s.width}, places: map[*node]value{},
		keys: map[string]int{}, lastFed: map[int]int{}, shared: map[int]bool{}}
	operands, last := map[*node][]operand{}, map[*node]int{}
	for i := len(s.members) - 1; i >= 0; i-- {
		m := s.members[i]
		if _, wanted := last[m]; !wanted && !slices.Contains(outputs, m) {
			continue
		}
		_, operands[m], _ = f.fits(m, s)
		for _, o := range operands[m] {
			last[o.base] = max(last[o.base], i)
		}
	}
	var free [total][]int
	for i, m := range s.members {
		if operands[m] == nil {
			continue
		}
		var from []value
		for _, o := range operands[m] {
			from = append(from, b.value(o))
		}
		for _, o := range operands[m] {
			if v := b.places[o.base]; v.kind == register && last[o.base] == i && !slices.Contains(free[v.form], v.index) {
				free[v.form] = append(free[v.form], v.index)
			}
		}
		form, output := s.forms[m], slices.Contains(outputs, m)
		to := value{register, 0, form}
		straight := output && (form > full || form == full || m.Shape.Size() == s.rows)
		switch {
		case straight:
			to = b.result(m, form)
		case len(free[form]) > 0:
			to.index = free[form][len(free[form])-1]
			free[form] = free[form][:len(free[form])-1]
		default:
			to.index = b.registers(form)
		}
		b.places[m] = to
		b.p.steps = append(b.p.steps, step{m.OpType, unaries[m.OpType], binaries[m.OpType], from, to})
		if output && !straight { // a number for each row that others want along the row
			b.p.steps = append(b.p.steps, step{op: compute.OpTypeBroadcastInDim, operands: []value{to}, to: b.result(m, full)})
		}
	}
	b.finish()
	return b.p, b.inputs
}

// registers adds a register of a form.
func (b *programming) registers(f form) int {
	if f == full {
		b.p.fulls++
		return b.p.fulls - 1
	}
	b.p.columns++
	return b.p.columns - 1
}

// value is where an operand will be.
func (b *programming) value(o operand) value {
	if b.s.forms[o.base] != 0 {
		return b.places[o.base]
	}
	input := slices.Index(b.inputs, o.base)
	if input < 0 {
		input = len(b.inputs)
		b.inputs = append(b.inputs, o.base)
	}
	b.lastFed[input] = len(b.p.steps)
	key := fmt.Sprint(input, o.form, o.at, o.rows)
	index, ok := b.keys[key]
	if !ok {
		index = len(b.p.feeds)
		b.keys[key] = index
		fresh := feed{input: input, form: o.form, at: o.at, rows: o.rows}
		step := stride(o.rows)
		switch {
		case o.base.Shape.DType == dtypes.Int32:
			fresh.direct = true
		case o.form == full:
			fresh.direct = b.s.rows == 1 || step == b.s.width
			b.shared[input] = b.shared[input] || !fresh.direct || o.at != 0 || o.base.Shape.Size() != b.s.rows*b.s.width
		case o.form == column:
			fresh.direct = step == 1
			b.shared[input] = true
		default:
			b.shared[input] = true
		}
		if !fresh.direct && o.form != single {
			fresh.to = b.registers(o.form)
		}
		b.p.feeds = append(b.p.feeds, fresh)
	}
	return value{fed, index, o.form}
}

// result adds an output.
func (b *programming) result(m *node, f form) value {
	r := result{shape: m.Shape, form: f}
	switch f {
	case full:
		for input := range b.inputs {
			if !b.shared[input] && b.inputs[input].Shape.DType == m.Shape.DType {
				r.reuse = append(r.reuse, input)
			}
		}
	case pieces:
		where := m.Data.(*spread).where
		axis := len(where.axes) - 1
		dims := make([]int, axis+1)
		for i, parts := range where.axes {
			dims[i] = size(parts)
		}
		for j := range m.Inputs {
			starts, limits, ones := make([]int, axis+1), slices.Clone(dims), slices.Repeat([]int{1}, axis+1)
			starts[axis], limits[axis] = j*b.s.width, (j+1)*b.s.width
			v, _ := where.slice(starts, limits, ones)
			r.pieces = append(r.pieces, target{v.at, joined(v.axes[:axis]...)})
		}
	}
	b.p.results = append(b.p.results, r)
	return value{written, len(b.p.results) - 1, f}
}

// finish settles what depends on all steps.
func (b *programming) finish() {
	p := b.p
	// Memory is taken over where nothing reads it after the result is written.
	writes := map[int]int{}
	for i, s := range p.steps {
		if s.to.kind == written {
			writes[s.to.index] = i
		}
	}
	for i := range p.results {
		r := &p.results[i]
		r.reuse = slices.DeleteFunc(r.reuse, func(input int) bool { return b.shared[input] || b.lastFed[input] > writes[i] })
	}
	flat := !slices.ContainsFunc(p.feeds, func(f feed) bool { return f.form == column || f.form == full && !f.direct }) &&
		!slices.ContainsFunc(p.steps, func(s step) bool {
			return s.to.form == column || s.to.form == pieces || s.op == compute.OpTypeConvertDType
		})
	if flat {
		p.rows, p.width = p.rows*p.width, 1
	}
	p.perBlock = max(1, blockSize/p.width)
}
