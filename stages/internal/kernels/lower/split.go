package lower

import (
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
	"ablate/stages/internal/kernels/simd"
)

// stage is a node's computation of one of several equal parts: for each input and
// output, how many numbers a part has, or 0 if each part reads all of an input.
type stage struct {
	product         *simd.Product
	program         *simd.Program
	swapped         bool // the factor a is the second input
	inputs, outputs []int
}

// reads reports whether the stage of n reads parts of a value for which f holds.
func (s stage) reads(n *hook.Node, f func(*hook.Node) bool) bool {
	for i, in := range n.Inputs {
		if s.inputs[i] != 0 && f(in) {
			return true
		}
	}
	return false
}

// factors returns how many numbers of a product's factor all parts read.
func (s stage) factors(n *hook.Node) int {
	size := 0
	for i, in := range n.Inputs {
		if s.product != nil && s.inputs[i] == 0 {
			size += in.Shape.Size()
		}
	}
	return size
}

// split returns what computes one part of a node's outputs from one part of its inputs,
// or from all of them. Part i of a value is the i-th of equal parts of its memory. It
// reports false where the node has no such parts.
func split(n *hook.Node, parts int) (stage, bool) {
	sizes := make([]int, len(n.Inputs))
	for i, in := range n.Inputs {
		sizes[i] = in.Shape.Size()
	}
	switch d := n.Data.(type) {
	case *Product:
		a, b := 0, 1
		if d.Swapped {
			a, b = b, a
		}
		p, spans, ok := splitProduct(&d.Product, [3]int{sizes[a], sizes[b], n.Shape.Size()}, parts)
		return stage{product: p, swapped: d.Swapped, inputs: []int{spans[a], spans[b]}, outputs: spans[2:]}, ok
	case *Fusion:
		p, ok := d.Program.(*simd.Program)
		if !ok {
			return stage{}, false
		}
		s := splitter{whole: p, parts: parts, sizes: sizes, inputs: make([]int, len(sizes)), seen: make([]bool, len(sizes))}
		for _, o := range d.Outputs {
			s.outputs = append(s.outputs, o.Shape.Size()/parts)
		}
		q, ok := s.program()
		return stage{program: q, inputs: s.inputs, outputs: s.outputs}, ok
	}
	return stage{}, false
}

// splitProduct divides the loop that goes over all of c, be it over products or over
// rows. Sizes and spans are those of a, b and c.
func splitProduct(p *simd.Product, sizes [3]int, parts int) (q *simd.Product, spans [3]int, ok bool) {
	part := *p
	part.Batch = append([]simd.Loop{}, p.Batch...)
	extent, strides := 0, [3]int{}
	for i, l := range part.Batch {
		if l.C*l.Extent == sizes[2] {
			extent, strides = l.Extent, [3]int{l.A, l.B, l.C}
			part.Batch[i].Extent /= parts
		}
	}
	if extent == 0 && p.Part == simd.Whole && p.C.Row*p.M == sizes[2] {
		extent, strides = p.M, [3]int{p.A.Row, 0, p.C.Row}
		part.M /= parts
	}
	if extent == 0 || extent%parts != 0 {
		return nil, spans, false
	}
	for i, reach := range reaches(&part) {
		spans[i] = strides[i] * extent / parts
		if spans[i] != 0 && (spans[i]*parts != sizes[i] || reach >= spans[i]) {
			return nil, spans, false
		}
	}
	return &part, spans, true
}

// reaches returns the last positions in a, b and c that products touch.
func reaches(p *simd.Product) [3]int {
	at := [3]int{
		p.Offsets[0] + (p.M-1)*p.A.Row + (p.K-1)*p.A.Col,
		p.Offsets[1] + (p.K-1)*p.B.Row + (p.N-1)*p.B.Col,
		(p.M-1)*p.C.Row + (p.N-1)*p.C.Col,
	}
	for _, l := range p.Batch {
		at[0] += (l.Extent - 1) * l.A
		at[1] += (l.Extent - 1) * l.B
		at[2] += (l.Extent - 1) * l.C
	}
	return at
}

// splitter divides the rows of a program.
type splitter struct {
	whole           *simd.Program
	parts           int
	sizes           []int // of inputs
	inputs, outputs []int // numbers of a part
	seen            []bool
}

func (s *splitter) program() (*simd.Program, bool) {
	w := s.whole
	rows := w.Rows / s.parts
	if w.Rows%s.parts != 0 || w.Lower && rows%w.Width != 0 {
		return nil, false
	}
	q := &simd.Program{
		Rows: rows, Width: w.Width, RowsPerBlock: w.RowsPerBlock, Lower: w.Lower, Instructions: w.Instructions,
		TileRegisters: w.TileRegisters, ColumnRegisters: w.ColumnRegisters,
	}
	for _, in := range w.Instructions {
		if in.Opcode == simd.EqualInts {
			return nil, false
		}
	}
	for _, l := range w.Loads {
		part, span, ok := s.load(l)
		if !ok || s.seen[l.Input] && s.inputs[l.Input] != span {
			return nil, false
		}
		s.inputs[l.Input], s.seen[l.Input] = span, true
		q.Loads = append(q.Loads, part)
	}
	for i, store := range w.Stores {
		part, ok := s.store(store, s.outputs[i])
		if !ok {
			return nil, false
		}
		q.Stores = append(q.Stores, part)
	}
	return q, true
}

// load returns the load of a part, and how many numbers of the input are a part's.
func (s *splitter) load(l simd.Load) (simd.Load, int, bool) {
	size, width := s.sizes[l.Input], s.whole.Width
	switch {
	case l.Kind == simd.Scalar:
		return l, 0, true
	case l.Kind == simd.PerRow:
		width = 1
	}
	if l.Direct {
		return l, size / s.parts, l.Offset == 0 && size == s.whole.Rows*width
	}
	rows, span, reach, ok := s.cut(l.Rows)
	l.Rows = rows
	return l, span, ok && (span == 0 || span*s.parts == size && l.Offset+reach+width <= span)
}

// store returns the store of a part with so many numbers.
func (s *splitter) store(store simd.Store, span int) (simd.Store, bool) {
	switch store.Kind {
	case simd.Tile, simd.PerRow:
		return store, true
	case simd.Concat:
		part := simd.Store{Kind: store.Kind}
		for _, t := range store.Targets {
			rows, targetSpan, reach, ok := s.cut(t.Rows)
			if !ok || targetSpan != span || t.Offset+reach+s.whole.Width > span {
				return simd.Store{}, false
			}
			part.Targets = append(part.Targets, simd.Target{Offset: t.Offset, Rows: rows})
		}
		return part, true
	}
	return simd.Store{}, false
}

// cut divides positions of rows. It returns those of the first part, how far apart
// parts are, and the last position of the first part.
func (s *splitter) cut(dims []layout.Dim) (part []layout.Dim, span, reach int, ok bool) {
	if len(dims) == 0 {
		return nil, 0, 0, true
	}
	if dims[0].Extent%s.parts != 0 {
		return nil, 0, 0, false
	}
	part = append([]layout.Dim{{Extent: dims[0].Extent / s.parts, Stride: dims[0].Stride}}, dims[1:]...)
	for _, d := range part {
		reach += (d.Extent - 1) * d.Stride
	}
	return part, part[0].Extent * part[0].Stride, reach, true
}
