package simd

import "ablate/stages/internal/kernels/layout"

// Run computes the outputs of the program. Inputs are float32 or int32; the slice
// of the other type is nil. An output may be the memory of an input that is read
// in the same order.
//
// Blocks do not depend on the number of cores, and reductions add them in order.
func (p *Program) Run(outputs, inputs [][]float32, ints [][]int32) {
	r := &run{Program: p, inputs: inputs, ints: ints, outputs: outputs, partial: make([][]float32, len(outputs))}
	for i, s := range p.Stores {
		if s.Kind == Reduction {
			r.partial[i] = make([]float32, p.Blocks())
		}
	}
	Parallel(p.Blocks(), p.cost(p.RowsPerBlock), r.blocks)
	for i, sums := range r.partial {
		if sums != nil {
			outputs[i][0] = Sum(sums)
		}
	}
}

// cost returns about how many elements the work on so many rows is worth.
func (p *Program) cost(rows int) int { return rows * p.Width * (1 + len(p.Instructions)/2) }

// run is one run of a program.
type run struct {
	*Program
	inputs  [][]float32
	ints    [][]int32
	outputs [][]float32
	partial [][]float32 // of reductions, for each block
}

// executor runs blocks on one goroutine.
type executor struct {
	*run
	tiles, columns []float32 // registers
	block          int
	first, n       int // the first row of the block, and the number of rows
	live           int // columns of the block that are computed
}

func (r *run) blocks(from, to int) {
	e := executor{run: r}
	if kept, ok := r.scratch.Get().(*executor); ok {
		e.tiles, e.columns = kept.tiles, kept.columns
	} else {
		e.tiles = make([]float32, r.TileRegisters*r.RowsPerBlock*r.Width)
		e.columns = make([]float32, r.ColumnRegisters*r.RowsPerBlock)
	}
	for e.block = from; e.block < to; e.block++ {
		e.first = e.block * r.RowsPerBlock
		e.n = min(r.RowsPerBlock, r.Rows-e.first)
		e.live = r.columns(e.first, e.n)
		for i := range r.Loads {
			l := &r.Loads[i]
			if !l.Direct && (e.block == from || !layout.Repeats(l.Rows)) {
				e.load(l)
			}
		}
		for i := range r.Instructions {
			e.execute(&r.Instructions[i])
		}
	}
	e.run = nil
	r.scratch.Put(&e)
}

// load copies rows of an input to a register.
func (e *executor) load(l *Load) {
	x := e.inputs[l.Input][l.Offset:]
	switch l.Kind {
	case Tile:
		to := e.tile(l.Register)
		layout.Runs(l.Rows, e.first, e.n, func(i, at, count, stride int) {
			copyStrips(to[i*e.Width:], 0, e.Width, x[at:], stride, e.Width, 1, count)
		})
	case PerRow:
		to := e.column(l.Register)
		layout.Runs(l.Rows, e.first, e.n, func(i, at, count, stride int) {
			for range count {
				to[i] = x[at]
				i, at = i+1, at+stride
			}
		})
	}
}

func (e *executor) tile(register int) []float32 {
	size := e.RowsPerBlock * e.Width
	return e.tiles[register*size:][:e.n*e.Width]
}

func (e *executor) column(register int) []float32 {
	return e.columns[register*e.RowsPerBlock:][:e.n]
}

// values returns the numbers of a value in this block.
func (e *executor) values(v Value) []float32 {
	first, count := e.first, e.n
	if v.Kind == Tile {
		first, count = first*e.Width, count*e.Width
	}
	switch v.Place {
	case Loaded:
		l := &e.Loads[v.Index]
		switch {
		case v.Kind == Scalar:
			return e.inputs[l.Input][:1]
		case l.Direct:
			return e.inputs[l.Input][l.Offset+first:][:count]
		}
		v.Index = l.Register
	case Stored:
		return e.outputs[v.Index][first:][:count]
	}
	if v.Kind == Tile {
		return e.tile(v.Index)
	}
	return e.column(v.Index)
}

func (e *executor) execute(in *Instruction) {
	switch in.Opcode {
	case ApplyUnary:
		e.unary(in)
	case ApplyBinary:
		e.binary(in)
	case SumRows:
		e.reduceRows(in, Sum)
	case MaxRows:
		e.reduceRows(in, Highest)
	case RepeatRows:
		e.repeatRows(in)
	case EqualInts:
		e.equalInts(in)
	case SumAll:
		e.partial[in.Result.Index][e.block] = Sum(e.values(in.Operands[0]))
	case ConcatRows:
		e.concatRows(in)
	}
}

func (e *executor) reduceRows(in *Instruction, reduce func([]float32) float32) {
	y, x := e.values(in.Result), e.values(in.Operands[0])
	for i := range y {
		y[i] = reduce(x[i*e.Width:][:e.live])
	}
}

func (e *executor) repeatRows(in *Instruction) {
	y := e.values(in.Result)
	for i, v := range e.values(in.Operands[0]) {
		row := y[i*e.Width : (i+1)*e.Width]
		for j := range row {
			row[j] = v
		}
	}
}

func (e *executor) concatRows(in *Instruction) {
	for k, target := range e.Stores[in.Result.Index].Targets {
		from, to := e.values(in.Operands[k]), e.outputs[in.Result.Index][target.Offset:]
		layout.Runs(target.Rows, e.first, e.n, func(i, at, count, stride int) {
			copyStrips(to[at:], 0, stride, from[i*e.Width:], e.Width, e.Width, 1, count)
		})
	}
}

func (e *executor) equalInts(in *Instruction) {
	y := e.values(in.Result)
	column, row := e.Loads[in.Operands[0].Index], e.Loads[in.Operands[1].Index]
	names := e.ints[row.Input][row.Offset:][:e.Width]
	for i := range e.n {
		want, out := e.ints[column.Input][column.Offset+layout.Offset(column.Rows, e.first+i)], y[i*e.Width:][:e.Width]
		for j, name := range names {
			out[j] = 0
			if name == want {
				out[j] = 1
			}
		}
	}
}

// cut reports whether to compute a value row by row, without the columns that are not
// read. A call for each row pays only if it skips at least that many columns.
func (e *executor) cut(v Value, least int) bool { return v.Kind == Tile && e.Width-e.live >= least }

// The least columns that are worth a call for each row: of a function such as the
// exponential, and of arithmetic.
const (
	cutFunctions  = 16
	cutArithmetic = 256
)

func (e *executor) unary(in *Instruction) {
	y, x := e.values(in.Result), e.values(in.Operands[0])
	if !e.cut(in.Result, cutFunctions) {
		in.Unary(y, x)
		return
	}
	for i := 0; i < len(y); i += e.Width {
		in.Unary(y[i:][:e.live], x[i:][:e.live])
	}
}

// binary repeats a column over the rows, and a scalar over everything.
func (e *executor) binary(in *Instruction) {
	op, y := in.Binary, e.values(in.Result)
	a, b := e.values(in.Operands[0]), e.values(in.Operands[1])
	ka, kb := in.Operands[0].Kind, in.Operands[1].Kind
	switch {
	case ka == PerRow && kb == Tile:
		for i, v := range a {
			op.ScalarLeft(y[i*e.Width:][:e.live], v, b[i*e.Width:])
		}
	case ka == Tile && kb == PerRow:
		for i, v := range b {
			op.ScalarRight(y[i*e.Width:][:e.live], a[i*e.Width:], v)
		}
	case e.cut(in.Result, cutArithmetic):
		for i := 0; i < len(y); i += e.Width {
			applyBinary(op, y[i:][:e.live], a, b, ka, kb, i)
		}
	default:
		applyBinary(op, y, a, b, ka, kb, 0)
	}
}

// applyBinary computes len(y) elements, of which the first is element i of operands
// that are not scalars.
func applyBinary(op *Binary, y, a, b []float32, ka, kb Kind, i int) {
	switch {
	case ka == kb:
		op.Slices(y, a[i:], b[i:])
	case kb == Scalar:
		op.ScalarRight(y, a[i:], b[0])
	default:
		op.ScalarLeft(y, a[0], b[i:])
	}
}
