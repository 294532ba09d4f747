package kernels

import (
	"unsafe"

	"github.com/gomlx/compute"
)

// execProgram runs a group. Its blocks are the same whatever the number of
// cores, and what adds up over blocks is added in their order.
func execProgram(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) ([]*buffer, error) {
	p := n.Data.(*program)
	r := running{program: p, inputs: make([][]float32, len(inputs)), ints: make([][]int32, len(inputs))}
	for i, in := range inputs {
		switch x := in.Flat.(type) {
		case []float32:
			r.inputs[i] = x
		case []int32:
			r.ints[i] = x
		}
	}
	blocks := (p.rows + p.perBlock - 1) / p.perBlock
	out := make([]*buffer, len(p.results))
	for i, result := range p.results {
		for _, input := range result.reuse {
			if inputs[input] != nil && owned[input] {
				out[i], inputs[input] = inputs[input], nil
				out[i].RawShape = result.shape.Clone()
				break
			}
		}
		if out[i] == nil {
			var err error
			if out[i], err = getBuffer(backend, result.shape); err != nil {
				return nil, err
			}
		}
		r.results = append(r.results, out[i].Flat.([]float32))
		r.totals = append(r.totals, nil)
		if result.form == total {
			r.totals[i] = make([]float32, blocks)
		}
	}
	parallel(blocks, p.perBlock*p.width*(1+len(p.steps)/2), r.blocks)
	for i, sums := range r.totals {
		if sums != nil {
			r.results[i][0] = sum(sums)
		}
	}
	return out, nil
}

// running is one run of a program.
type running struct {
	*program
	inputs  [][]float32
	ints    [][]int32
	results [][]float32
	totals  [][]float32 // of each block
}

// worker is what one goroutine of it has.
type worker struct {
	*running
	fulls, columns []float32
	block, at, n   int // the block, its first row, how many rows
}

func (r *running) blocks(from, to int) {
	w := worker{running: r}
	if kept, ok := r.scratch.Get().(*worker); ok {
		w.fulls, w.columns = kept.fulls, kept.columns
	} else {
		w.fulls = make([]float32, r.program.fulls*r.perBlock*r.width)
		w.columns = make([]float32, r.program.columns*r.perBlock)
	}
	for w.block = from; w.block < to; w.block++ {
		w.at = w.block * r.perBlock
		w.n = min(r.perBlock, r.rows-w.at)
		for _, f := range r.feeds {
			if !f.direct && (w.block == from || !still(f.rows)) {
				w.load(f)
			}
		}
		for i := range r.steps {
			w.step(&r.steps[i])
		}
	}
	w.running = nil
	r.scratch.Put(&w)
}

// still says whether all rows are one.
func still(rows []part) bool {
	for _, r := range rows {
		if r.stride != 0 {
			return false
		}
	}
	return true
}

// offset is where a row begins.
func offset(rows []part, i int) int {
	at := 0
	for k := len(rows) - 1; k > 0; k-- {
		at += i % rows[k].size * rows[k].stride
		i /= rows[k].size
	}
	if len(rows) > 0 {
		at += i * rows[0].stride
	}
	return at
}

// runs calls f for rows that lie evenly: the first of them, where it begins, how
// many they are, and how far apart.
func runs(rows []part, first, n int, f func(i, at, count, step int)) {
	if len(rows) == 0 {
		f(0, 0, n, 0)
		return
	}
	last := rows[len(rows)-1]
	for i := 0; i < n; {
		count := min(n-i, last.size-(first+i)%last.size)
		f(i, offset(rows, first+i), count, last.stride)
		i += count
	}
}

// move copies one row.
func move(to, from []float32, width int) {
	if width == 16 { // half of a small head, whose embedding turns by halves
		*(*[16]float32)(to) = *(*[16]float32)(from)
		return
	}
	copy(to[:width], from)
}

// load copies the rows of a feed to its register.
func (w *worker) load(f feed) {
	x := w.inputs[f.input][f.at:]
	switch f.form {
	case full:
		to := w.full(f.to)
		runs(f.rows, w.at, w.n, func(i, at, count, step int) {
			for range count {
				move(to[i*w.width:], x[at:], w.width)
				i, at = i+1, at+step
			}
		})
	case column:
		to := w.column(f.to)
		runs(f.rows, w.at, w.n, func(i, at, count, step int) {
			for range count {
				to[i] = x[at]
				i, at = i+1, at+step
			}
		})
	}
}

func (w *worker) full(i int) []float32 {
	size := w.perBlock * w.width
	return w.fulls[i*size:][:w.n*w.width]
}

func (w *worker) column(i int) []float32 { return w.columns[i*w.perBlock:][:w.n] }

// values are the numbers of a value in this block: one for each element, or for
// each row, or one.
func (w *worker) values(v value) []float32 {
	first, count := w.at, w.n
	if v.form == full {
		first, count = first*w.width, count*w.width
	}
	switch v.kind {
	case fed:
		f := &w.feeds[v.index]
		switch {
		case v.form == single:
			return w.inputs[f.input][:1]
		case f.direct:
			return w.inputs[f.input][f.at+first:][:count]
		}
		v.index = f.to
	case written:
		return w.results[v.index][first:][:count]
	}
	if v.form == full {
		return w.full(v.index)
	}
	return w.column(v.index)
}

func (w *worker) step(s *step) {
	switch s.to.form {
	case pieces:
		for j, target := range w.program.results[s.to.index].pieces {
			from, to := w.values(s.operands[j]), w.results[s.to.index][target.at:]
			runs(target.rows, w.at, w.n, func(i, at, count, step int) {
				for range count {
					move(to[at:], from[i*w.width:], w.width)
					i, at = i+1, at+step
				}
			})
		}
		return
	case total:
		w.totals[s.to.index][w.block] = sum(w.values(s.operands[0]))
		return
	}
	y := w.values(s.to)
	switch s.op {
	case compute.OpTypeReduceSum, compute.OpTypeReduceMax:
		x := w.values(s.operands[0])
		for i := range y {
			row := x[i*w.width : (i+1)*w.width]
			if s.op == compute.OpTypeReduceSum {
				y[i] = sum(row)
			} else {
				y[i] = highestOf(row)
			}
		}
	case compute.OpTypeBroadcastInDim:
		for i, v := range w.values(s.operands[0]) {
			row := y[i*w.width : (i+1)*w.width]
			for j := range row {
				row[j] = v
			}
		}
	case compute.OpTypeConvertDType:
		w.equal(y, s)
	default:
		if s.unary != nil {
			s.unary(y, w.values(s.operands[0]))
			return
		}
		w.binary(y, s)
	}
}

// equal is 1 where an integer of each row is that of each column, else 0.
func (w *worker) equal(y []float32, s *step) {
	column, row := w.feeds[s.operands[0].index], w.feeds[s.operands[1].index]
	names := w.ints[row.input][row.at:][:w.width]
	for i := range w.n {
		want, out := w.ints[column.input][column.at+offset(column.rows, w.at+i)], y[i*w.width:][:w.width]
		for j, name := range names {
			out[j] = 0
			if name == want {
				out[j] = 1
			}
		}
	}
}

// binary repeats what is one for each row over the row, and what is one over
// all.
func (w *worker) binary(y []float32, s *step) {
	op := s.binary
	a, b := w.values(s.operands[0]), w.values(s.operands[1])
	fa, fb := s.operands[0].form, s.operands[1].form
	switch {
	case fa == fb:
		op.both(y, a, b)
	case fb == single:
		op.right(y, a, b[0])
	case fa == single:
		op.left(y, a[0], b)
	case fb == column:
		for i, v := range b {
			op.right(y[i*w.width:(i+1)*w.width], a[i*w.width:], v)
		}
	default:
		for i, v := range a {
			op.left(y[i*w.width:(i+1)*w.width], v, b[i*w.width:])
		}
	}
}
