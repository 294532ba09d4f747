package simd

import (
	"sync"

	"ablate/stages/internal/kernels/layout"
)

// Program computes a fusion group: it runs its instructions on a block of rows at
// a time, while the block's values stay in the cache. All values are seen as rows
// of one width.
type Program struct {
	Rows, Width  int
	RowsPerBlock int
	Lower        bool // each Width rows are a square, and nothing reads what is above its diagonal
	Loads        []Load
	Instructions []Instruction
	Stores       []Store

	// Registers hold values of a block: tiles have an element for each element of
	// the block, columns one for each row.
	TileRegisters, ColumnRegisters int

	scratch sync.Pool // of *executor
}

// Kind is the extent of a value over the rows of a program.
type Kind int

// Kinds of values. The last two are only stored.
const (
	Scalar    Kind = iota + 1 // one number
	PerRow                    // a number for each row
	Tile                      // rows of numbers
	Reduction                 // one number, reduced over all rows
	Concat                    // rows of several values side by side
)

// Load reads an input.
type Load struct {
	Input    int
	Kind     Kind
	Offset   int
	Rows     []layout.Dim // positions of the rows, or of the elements of a column
	Direct   bool         // read in place; otherwise copied to a register first
	Register int
}

// Place is where a value is kept.
type Place int

// Places of values.
const (
	Loaded Place = iota
	Register
	Stored
)

// Value refers to a value: the Index of a load, a register or a store.
type Value struct {
	Place Place
	Index int
	Kind  Kind
}

// Opcode is the operation of an instruction.
type Opcode int

// Opcodes.
const (
	ApplyUnary  Opcode = iota // Unary of the operand
	ApplyBinary               // Binary of the operands, scalars and columns repeated
	SumRows                   // the sum of each row
	MaxRows                   // the maximum of each row
	RepeatRows                // the element of each row repeated over the row
	EqualInts                 // 1 where an int32 per row equals an int32 per column, else 0
	SumAll                    // the sum of all elements
	ConcatRows                // the rows of the operands, side by side
)

// Instruction computes one value of a block.
type Instruction struct {
	Opcode   Opcode
	Unary    Unary
	Binary   *Binary
	Operands []Value
	Result   Value
}

// Store is an output.
type Store struct {
	Kind    Kind
	Targets []Target // of a Concat, for each of its operands
}

// Target is where the rows of an operand are written.
type Target struct {
	Offset int
	Rows   []layout.Dim
}

// Blocks returns the number of blocks. It is part of the order in which reductions
// add.
func (p *Program) Blocks() int { return (p.Rows + p.RowsPerBlock - 1) / p.RowsPerBlock }
