package lower

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
	"ablate/stages/internal/kernels/simd"
)

// blockElements is about how many elements of a value are computed at a time: as many
// as let the values of most groups stay in the first cache.
const blockElements = 1024

// sumElements is the same for groups that reduce all elements to one number. It is
// part of the order in which they add.
const sumElements = 2048

// unaries and binaries are the element-wise operations of fusion groups.
var (
	unaries = map[compute.OpType]simd.Unary{
		compute.OpTypeExp: simd.Exp, compute.OpTypeLog: simd.Log, compute.OpTypeSqrt: simd.Sqrt, compute.OpTypeTanh: simd.Tanh,
		compute.OpTypeErf: simd.Erf, compute.OpTypeLogistic: simd.Logistic, compute.OpTypeNeg: simd.Neg, compute.OpTypeAbs: simd.Abs,
		hook.OpRound: simd.RoundHalf,
	}
	binaries = map[compute.OpType]*simd.Binary{
		compute.OpTypeAdd: &simd.Add, compute.OpTypeSub: &simd.Sub, compute.OpTypeMul: &simd.Mul,
		compute.OpTypeDiv: &simd.Div, compute.OpTypeMax: &simd.Max, compute.OpTypeMin: &simd.Min,
	}
)

// compiler makes the program of a group.
type compiler struct {
	partition *fuse.Partition
	group     *fuse.Group
	outputs   []*hook.Node // members

	program  *simd.Program
	fusion   *Fusion
	inputs   []*hook.Node
	values   map[*hook.Node]simd.Value // of members
	loads    map[string]int            // by what they load
	lastLoad map[int]int               // for each input, the last instruction that reads it
	pinned   map[int]bool              // inputs read in another order than outputs are written
	operands map[*hook.Node][]fuse.Operand
	lastUse  map[*hook.Node]int // the index of the last member that reads a node
	free     [simd.Reduction][]int
}

// compile returns the fusion of a group, which computes only what the outputs
// need, and its inputs. A causal group computes lower triangles.
func compile(p *fuse.Partition, s *fuse.Group, outputs []*hook.Node, causal bool) (*Fusion, []*hook.Node) {
	program := &simd.Program{Rows: s.Rows, Width: s.Width, Lower: causal}
	c := &compiler{
		partition: p, group: s, outputs: outputs, program: program, fusion: &Fusion{Program: program},
		values: map[*hook.Node]simd.Value{}, loads: map[string]int{}, lastLoad: map[int]int{}, pinned: map[int]bool{},
		operands: map[*hook.Node][]fuse.Operand{}, lastUse: map[*hook.Node]int{},
	}
	c.findUses()
	for i, m := range s.Members {
		if c.operands[m] != nil {
			c.member(i, m)
		}
	}
	c.finish()
	return c.fusion, c.inputs
}

// findUses finds the members that the outputs need, and the last use of each
// node.
func (c *compiler) findUses() {
	for i := len(c.group.Members) - 1; i >= 0; i-- {
		m := c.group.Members[i]
		if _, used := c.lastUse[m]; !used && !slices.Contains(c.outputs, m) {
			continue
		}
		c.operands[m] = c.partition.Operands(m, c.group)
		for _, o := range c.operands[m] {
			c.lastUse[o.Source] = max(c.lastUse[o.Source], i)
		}
	}
}

// member adds the instruction of member i.
func (c *compiler) member(i int, m *hook.Node) {
	var operands []simd.Value
	for _, o := range c.operands[m] {
		operands = append(operands, c.operand(o))
	}
	c.releaseRegisters(i, m)
	kind, output := c.group.Kinds[m], slices.Contains(c.outputs, m)
	stored := output && (kind >= simd.Tile || m.Shape.Size() == c.group.Rows)
	result := simd.Value{Place: simd.Register, Kind: kind}
	if stored {
		result = c.store(m, kind)
	} else {
		result.Index = c.register(kind)
	}
	c.values[m] = result
	c.program.Instructions = append(c.program.Instructions, simd.Instruction{
		Opcode: opcode(m, kind), Unary: unaries[m.OpType], Binary: binaries[m.OpType], Operands: operands, Result: result,
	})
	if output && !stored { // one number for each row, which others read broadcast over the row
		c.program.Instructions = append(c.program.Instructions, simd.Instruction{
			Opcode: simd.RepeatRows, Operands: []simd.Value{result}, Result: c.store(m, simd.Tile),
		})
	}
}

// releaseRegisters frees the registers that member i is the last to read.
func (c *compiler) releaseRegisters(i int, m *hook.Node) {
	for _, o := range c.operands[m] {
		v := c.values[o.Source]
		if v.Place == simd.Register && c.lastUse[o.Source] == i && !slices.Contains(c.free[v.Kind], v.Index) {
			c.free[v.Kind] = append(c.free[v.Kind], v.Index)
		}
	}
}

// register returns a register of a kind, a free one if there is.
func (c *compiler) register(k simd.Kind) int {
	if free := c.free[k]; len(free) > 0 {
		c.free[k] = free[:len(free)-1]
		return free[len(free)-1]
	}
	return c.newRegister(k)
}

func (c *compiler) newRegister(k simd.Kind) int {
	count := &c.program.ColumnRegisters
	if k == simd.Tile {
		count = &c.program.TileRegisters
	}
	*count++
	return *count - 1
}

// opcode returns the operation that computes a member of a kind.
func opcode(m *hook.Node, k simd.Kind) simd.Opcode {
	switch {
	case m.OpType == compute.OpTypeReduceMax:
		return simd.MaxRows
	case m.OpType == compute.OpTypeReduceSum && k == simd.Reduction:
		return simd.SumAll
	case m.OpType == compute.OpTypeReduceSum:
		return simd.SumRows
	case m.OpType == compute.OpTypeConvertDType:
		return simd.EqualInts
	case m.OpType == hook.OpConcat:
		return simd.ConcatRows
	case unaries[m.OpType] != nil:
		return simd.ApplyUnary
	}
	return simd.ApplyBinary
}

// operand returns the value of an operand, and loads it if it is an input.
func (c *compiler) operand(o fuse.Operand) simd.Value {
	if c.group.Has(o.Source) {
		return c.values[o.Source]
	}
	input := slices.Index(c.inputs, o.Source)
	if input < 0 {
		input = len(c.inputs)
		c.inputs = append(c.inputs, o.Source)
	}
	c.lastLoad[input] = len(c.program.Instructions)
	key := fmt.Sprint(input, o.Kind, o.Offset, o.Rows)
	index, ok := c.loads[key]
	if !ok {
		index = len(c.program.Loads)
		c.loads[key] = index
		c.program.Loads = append(c.program.Loads, c.load(input, o))
	}
	return simd.Value{Place: simd.Loaded, Index: index, Kind: o.Kind}
}

// load returns the load of an operand.
func (c *compiler) load(input int, o fuse.Operand) simd.Load {
	l := simd.Load{Input: input, Kind: o.Kind, Offset: o.Offset, Rows: o.Rows}
	rows, width, stride := c.group.Rows, c.group.Width, layout.Stride(o.Rows)
	switch {
	case o.Source.Shape.DType == dtypes.Int32:
		l.Direct = true
	case o.Kind == simd.Tile:
		l.Direct = rows == 1 || stride == width
		if !l.Direct || o.Offset != 0 || o.Source.Shape.Size() != rows*width {
			c.pinned[input] = true
		}
	case o.Kind == simd.PerRow:
		l.Direct = stride == 1
		c.pinned[input] = true
	default:
		c.pinned[input] = true
	}
	if !l.Direct && o.Kind != simd.Scalar {
		l.Register = c.newRegister(o.Kind)
	}
	return l
}

// store adds an output.
func (c *compiler) store(m *hook.Node, k simd.Kind) simd.Value {
	store, out := simd.Store{Kind: k}, Output{Shape: m.Shape}
	switch k {
	case simd.Tile:
		for input, n := range c.inputs {
			if !c.pinned[input] && n.Shape.DType == m.Shape.DType {
				out.InPlace = append(out.InPlace, input)
			}
		}
	case simd.Concat:
		store.Targets = c.targets(m)
	}
	c.program.Stores = append(c.program.Stores, store)
	c.fusion.Outputs = append(c.fusion.Outputs, out)
	return simd.Value{Place: simd.Stored, Index: len(c.program.Stores) - 1, Kind: k}
}

// targets returns where a concatenation writes the rows of its operands.
func (c *compiler) targets(m *hook.Node) []simd.Target {
	whole := m.Data.(*fuse.Concat).Layout
	last := len(whole.Axes) - 1
	starts, limits, ones := make([]int, last+1), make([]int, last+1), slices.Repeat([]int{1}, last+1)
	for i, dims := range whole.Axes {
		limits[i] = layout.Extent(dims)
	}
	var out []simd.Target
	for k := range m.Inputs {
		starts[last], limits[last] = k*c.group.Width, (k+1)*c.group.Width
		part, _ := whole.Slice(starts, limits, ones)
		out = append(out, simd.Target{Offset: part.Offset, Rows: layout.Merge(part.Axes[:last]...)})
	}
	return out
}

// finish settles what depends on all instructions.
func (c *compiler) finish() {
	p := c.program
	for i, in := range p.Instructions {
		if in.Result.Place != simd.Stored {
			continue
		}
		// Nothing may read the reused memory after the output is written.
		out := &c.fusion.Outputs[in.Result.Index]
		out.InPlace = slices.DeleteFunc(out.InPlace, func(input int) bool { return c.pinned[input] || c.lastLoad[input] > i })
	}
	if !p.Lower && c.flat() {
		p.Rows, p.Width = p.Rows*p.Width, 1
	}
	p.RowsPerBlock = rowsPerBlock(p)
}

// rowsPerBlock returns how many rows of a program are computed at a time.
func rowsPerBlock(p *simd.Program) int {
	adds := func(s simd.Store) bool { return s.Kind == simd.Reduction }
	switch {
	case p.Lower:
		return rowsOfSquare(p.Width)
	case slices.ContainsFunc(p.Stores, adds):
		return max(1, sumElements/p.Width)
	}
	return max(1, blockElements/p.Width)
}

// flat reports whether rows do not matter to the program.
func (c *compiler) flat() bool {
	byRow := func(l simd.Load) bool { return l.Kind == simd.PerRow || l.Kind == simd.Tile && !l.Direct }
	ofRows := func(in simd.Instruction) bool {
		return in.Result.Kind == simd.PerRow || in.Result.Kind == simd.Concat || in.Opcode == simd.EqualInts
	}
	return !slices.ContainsFunc(c.program.Loads, byRow) && !slices.ContainsFunc(c.program.Instructions, ofRows)
}
