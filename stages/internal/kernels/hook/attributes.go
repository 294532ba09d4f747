package hook

import (
	"reflect"
	"slices"

	"github.com/gomlx/compute"
)

// The backend keeps the attributes of an operation in Node.Data, in types of its
// own. The methods below read them, and report false for a node whose data is not
// what they expect. Check tries each of them.

// Axes returns the permutation of a transpose, the axes of a reduction, or the
// positions of a broadcast's axes.
func (n *Node) Axes() ([]int, bool) {
	axes, ok := n.Data.([]int)
	return axes, ok
}

// ConcatAxis returns the axis of a concatenation.
func (n *Node) ConcatAxis() (int, bool) {
	axis, ok := n.Data.(int)
	return axis, ok
}

// SliceBounds are the attributes of a slice, for each axis.
type SliceBounds struct{ Starts, Limits, Strides []int }

// SliceBounds returns the attributes of a slice.
func (n *Node) SliceBounds() (b SliceBounds, ok bool) {
	ok = readFields(n.Data, map[string]*[]int{"starts": &b.Starts, "limits": &b.Limits, "strides": &b.Strides})
	return b, ok
}

// PadAxes returns the padding of each axis.
func (n *Node) PadAxes() (axes []compute.PadAxis, ok bool) {
	return axes, readField(n.Data, "axesConfig", &axes)
}

// DotAxes are the axes of the two factors of a product.
type DotAxes struct {
	LHSContracting, LHSBatch []int
	RHSContracting, RHSBatch []int
}

// DotAxes returns the axes of a product's factors.
func (n *Node) DotAxes() (a DotAxes, ok bool) {
	ok = readFields(n.Data, map[string]*[]int{
		"LHSContractingAxes": &a.LHSContracting, "LHSBatchAxes": &a.LHSBatch,
		"RHSContractingAxes": &a.RHSContracting, "RHSBatchAxes": &a.RHSBatch,
	})
	return a, ok
}

// GathersRows reports whether a gather takes whole rows of a table of the given
// width.
func (n *Node) GathersRows(width int) bool {
	return hasAxes(n.Data, map[string][]int{
		"sliceSizes": {1, width}, "collapsedSlicesAxes": {0}, "startIndexMap": {0}, "offsetOutputAxes": {n.Shape.Rank() - 1},
	})
}

// ScattersRows reports whether a scatter adds whole rows, given as a tensor of
// the given rank, to those of a table.
func (n *Node) ScattersRows(rank int) bool {
	return hasAxes(n.Data, map[string][]int{
		"updateWindowAxes": {rank - 1}, "insertedWindowAxes": {0}, "scatterAxesToOperandAxes": {0},
	})
}

// hasAxes reports whether fields of data hold these axes.
func hasAxes(data any, want map[string][]int) bool {
	for name, axes := range want {
		var got []int
		if !readField(data, name, &got) || !slices.Equal(got, axes) {
			return false
		}
	}
	return true
}

func readFields(data any, fields map[string]*[]int) bool {
	for name, to := range fields {
		if !readField(data, name, to) {
			return false
		}
	}
	return true
}

// readField copies a field of the struct that data points to, exported or not. It
// reports false where there is no such field of that type.
func readField[T any](data any, name string, to *T) bool {
	v := reflect.ValueOf(data)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return false
	}
	field := v.Elem().FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return false
	}
	*to = *(*T)(field.Addr().UnsafePointer())
	return true
}
