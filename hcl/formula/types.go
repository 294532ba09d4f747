package formula

import "math"

// Level says when a value is known, and in which precision it is computed.
type Level int

// The levels of values. An operation has the highest level of its operands.
const (
	Constant Level = iota // a number of float64, known before anything is computed
	Step                  // a number of float64 that a step has, rounded to float32 where it meets a tensor
	Tensor                // float32
)

// Axis is how many values there are along a side. Axes beyond the named ones are
// those of a share of the columns.
type Axis int64

// The extents of sides.
const (
	One     Axis = iota
	Rows         // tokens, or the outputs of a matrix
	Columns      // the width, or the inputs of a matrix
)

// Type is what is known of a value before it is computed.
type Type struct {
	Level   Level
	Down    Axis // how many rows
	Along   Axis // how many columns
	IsTruth bool
}

// The types of tensors.
var (
	Scalar  = Type{Level: Tensor}
	Row     = Type{Level: Tensor, Down: Rows}
	Width   = Type{Level: Tensor, Along: Columns}
	Element = Type{Level: Tensor, Down: Rows, Along: Columns}
	Left    = Type{Level: Tensor, Down: Rows, Along: Rows}
	Right   = Type{Level: Tensor, Down: Columns, Along: Columns}
)

// String names the type in messages.
func (t Type) String() string {
	noun := "value"
	if t.IsTruth {
		noun = "truth value"
	}
	switch {
	case t.Level < Tensor && t.IsTruth:
		return "a truth value"
	case t.Level < Tensor:
		return "a number"
	case t.Down == Rows && t.Along == Columns:
		return "a " + noun + " for each element"
	case t.Down == Rows && t.Along == One:
		return "one " + noun + " for each row"
	case t.Down == One && t.Along == Columns:
		return "one " + noun + " for each column"
	case t.Down == One && t.Along == One:
		return "one " + noun
	}
	if t.Along > Columns {
		return "a " + noun + " for some of the columns"
	}
	return "a matrix of " + t.Down.String() + " by " + t.Along.String()
}

// leading is the axis of the first columns.
func leading(share float64) Axis { return 1<<32 + Axis(math.Float32bits(float32(share))) }

// String names the axis in messages.
func (a Axis) String() string {
	if a > Columns {
		return "some columns"
	}
	return [...]string{"1", "rows", "columns"}[a]
}

// Join is the type of an operation on two values, element by element; ok is false where
// they do not fit.
func Join(a, b Type) (t Type, ok bool) {
	down, ok1 := joinAxis(a.Down, b.Down)
	along, ok2 := joinAxis(a.Along, b.Along)
	return Type{Level: max(a.Level, b.Level), Down: down, Along: along}, ok1 && ok2
}

func joinAxis(a, b Axis) (Axis, bool) {
	switch {
	case a == b || b == One:
		return a, true
	case a == One:
		return b, true
	}
	return a, false
}

// result is the type of an operation whose operands fit; ok is false where there is
// nothing that it could reduce.
func (fn function) result(args []Type) (t Type, ok bool) {
	t = args[0]
	switch fn.reach {
	case alongWidth:
		if t.Along == One {
			return t, false
		}
		t.Along = One
	case alongRows:
		if t.Down == One {
			return t, false
		}
		t.Down = One
	case overall:
		t = Scalar
	case turned:
		t.Down, t.Along = t.Along, t.Down
	case matrixProduct:
		t.Along = args[1].Along
	}
	return t, true
}
