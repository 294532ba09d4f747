package hook

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// Check returns an error if the backend is not what this package declares. What
// reflection cannot see of it, TestHook compares with its source.
func Check(b compute.Backend) error {
	if err := checkCodes(); err != nil {
		return err
	}
	if err := checkStructs(b); err != nil {
		return err
	}
	return checkAttributes(b)
}

// checkCodes returns an error if the backend has an executor for a borrowed
// operation.
func checkCodes() error {
	for _, op := range []compute.OpType{OpProduct, OpConcat, OpFusion, OpRound} {
		if Executors[op] != nil || MultiExecutors[op] != nil {
			return fmt.Errorf("GoMLX has an executor for %s now, a code that the kernels borrow", op)
		}
	}
	return nil
}

// checkStructs compares buffers, nodes and the fields of functions.
func checkStructs(b compute.Backend) error {
	get, ok := reflect.TypeOf(b).MethodByName("GetBuffer")
	if !ok || get.Type.NumOut() != 2 || get.Type.Out(0).Kind() != reflect.Pointer || !sameFields(get.Type.Out(0).Elem(), reflect.TypeFor[Buffer]()) {
		return errors.New("GoMLX's Buffer has another layout than the kernels declare")
	}
	builder := reflect.TypeOf(b.Builder("layout"))
	main, ok := field(builder, "MainFn")
	if !ok || main.Type.Kind() != reflect.Pointer {
		return errors.New("GoMLX's Builder has no MainFn")
	}
	for _, name := range []string{"Nodes", "Outputs"} {
		list, ok := field(main.Type, name)
		if !ok || list.Type.Kind() != reflect.Slice || list.Type.Elem().Kind() != reflect.Pointer || !sameFields(list.Type.Elem().Elem(), reflect.TypeFor[Node]()) {
			return fmt.Errorf("GoMLX's Function.%s is not a list of nodes as the kernels declare them", name)
		}
	}
	raw, ok := field(main.Type, "RawBuilder")
	if !ok || raw.Type != builder {
		return errors.New("GoMLX's Function has no RawBuilder")
	}
	if owner, ok := field(builder, "Backend"); !ok || owner.Type != reflect.TypeOf(b) {
		return errors.New("GoMLX's Builder has no Backend")
	}
	if sort, ok := main.Type.MethodByName("DAGSort"); !ok || sort.Type.NumIn() != 1 {
		return errors.New("GoMLX's Function has no DAGSort")
	}
	return nil
}

// field returns a field of the struct that a type points to.
func field(pointer reflect.Type, name string) (reflect.StructField, bool) {
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct {
		return reflect.StructField{}, false
	}
	return pointer.Elem().FieldByName(name)
}

func sameFields(theirs, ours reflect.Type) bool {
	if theirs.Kind() != reflect.Struct || theirs.NumField() != ours.NumField() || theirs.Size() != ours.Size() {
		return false
	}
	for i := range ours.NumField() {
		a, b := theirs.Field(i), ours.Field(i)
		if a.Name != b.Name || a.Offset != b.Offset || a.Type.Size() != b.Type.Size() {
			return false
		}
	}
	return true
}

// attributeCheck builds an operation whose attributes the kernels read, and
// compares what they read with what was built.
type attributeCheck struct {
	op    compute.OpType
	build func(f compute.Function, x, rows, indices compute.Value) (compute.Value, error)
	read  func(n *Node) bool
}

// attributeChecks has a check for each operation whose attributes are read.
var attributeChecks = []attributeCheck{
	{compute.OpTypeTranspose, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) { return f.Transpose(x, 1, 0) },
		hasList(1, 0)},
	{compute.OpTypeReduceSum, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) { return f.ReduceSum(x, 1) },
		hasList(1)},
	{compute.OpTypeReduceMax, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) { return f.ReduceMax(x, 0) },
		hasList(0)},
	{compute.OpTypeBroadcastInDim, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) {
		return f.BroadcastInDim(x, shapes.Make(dtypes.Float32, 2, 5, 7), []int{1, 2})
	}, hasList(1, 2)},
	{compute.OpTypeConcatenate, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) { return f.Concatenate(1, x, x) },
		func(n *Node) bool {
			axis, ok := n.ConcatAxis()
			return ok && axis == 1
		}},
	{compute.OpTypeSlice, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) {
		return f.Slice(x, []int{1, 0}, []int{5, 6}, []int{2, 3})
	}, func(n *Node) bool {
		b, ok := n.SliceBounds()
		return ok && slices.Equal(b.Starts, []int{1, 0}) && slices.Equal(b.Limits, []int{5, 6}) && slices.Equal(b.Strides, []int{2, 3})
	}},
	{compute.OpTypePad, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) {
		zero, err := f.Constant([]float32{0})
		if err != nil {
			return nil, err
		}
		return f.Pad(x, zero, compute.PadAxis{}, compute.PadAxis{Start: 1, End: 2, Interior: 3})
	}, func(n *Node) bool {
		axes, ok := n.PadAxes()
		fill, constant := n.Inputs[1].Constant()
		zero, isFloat := fill.Float32s()
		return ok && constant && isFloat && slices.Equal(zero, []float32{0}) &&
			slices.Equal(axes, []compute.PadAxis{{}, {Start: 1, End: 2, Interior: 3}})
	}},
	{compute.OpTypeDotGeneral, func(f compute.Function, x, _, _ compute.Value) (compute.Value, error) {
		return f.DotGeneral(x, []int{1}, []int{}, x, []int{1}, []int{}, compute.DotGeneralConfig{})
	}, func(n *Node) bool {
		a, ok := n.DotAxes()
		factors := func(in *Node, contracting, batch []int) bool {
			return len(contracting) == 1 && in.Shape.Dimensions[contracting[0]] == 7 && len(batch) < in.Shape.Rank()
		}
		return ok && factors(n.Inputs[0], a.LHSContracting, a.LHSBatch) && factors(n.Inputs[1], a.RHSContracting, a.RHSBatch)
	}},
	{compute.OpTypeGather, func(f compute.Function, x, _, indices compute.Value) (compute.Value, error) {
		return f.Gather(x, indices, 1, []int{1}, []int{0}, []int{0}, []int{1, 7}, false)
	}, func(n *Node) bool { return n.GathersRows(7) && !n.GathersRows(6) }},
	{compute.OpTypeScatterSum, func(f compute.Function, x, rows, indices compute.Value) (compute.Value, error) {
		return f.ScatterSum(x, indices, rows, 1, []int{1}, []int{0}, []int{0}, false, false)
	}, func(n *Node) bool { return n.ScattersRows(2) && !n.ScattersRows(3) }},
}

// hasList returns a check of a list of axes.
func hasList(want ...int) func(n *Node) bool {
	return func(n *Node) bool {
		axes, ok := n.Axes()
		return ok && slices.Equal(axes, want)
	}
}

// checkAttributes runs the attributeChecks.
func checkAttributes(b compute.Backend) error {
	for _, c := range attributeChecks {
		if err := c.run(b); err != nil {
			return fmt.Errorf("attributes of GoMLX's %s: %w", c.op, err)
		}
	}
	return nil
}

func (c attributeCheck) run(b compute.Backend) error {
	builder := b.Builder("attributes")
	f := builder.Main()
	var in [3]compute.Value
	for i, shape := range []shapes.Shape{shapes.Make(dtypes.Float32, 5, 7), shapes.Make(dtypes.Float32, 3, 7), shapes.Make(dtypes.Int32, 3, 1)} {
		var err error
		if in[i], err = f.Parameter(fmt.Sprint("in", i), shape, nil); err != nil {
			return err
		}
	}
	if _, err := c.build(f, in[0], in[1], in[2]); err != nil {
		return err
	}
	for _, n := range *Main(builder).Nodes() {
		if n.OpType == c.op {
			if !c.read(n) {
				return fmt.Errorf("the kernels do not understand %T", n.Data)
			}
			return nil
		}
	}
	return errors.New("no such node was built")
}
